// Reads a table of MySQL as rows. The address leaves the driver as a token: equal addresses give equal tokens.
import { mysql } from 'db-airlock/drivers'
import { Secret } from 'db-airlock/masking'

const shop = await mysql.open(
  // TLS is on and verified by default for every host but this machine.
  { url: new Secret(process.env.SHOP_URL, 'shop') },
  { maskKey: new Secret(process.env.MASK_KEY, 'mask key') },
)
try {
  const request = { table: 'orders', select: ['id', 'email', 'amount'], mask: { email: 'tokenize' } }
  for await (const batch of shop.extract(request)) {
    for (const order of batch.objects()) {
      // Values are exact text, bytes or null, never a number that was rounded.
      console.log(`${order.id}  ${order.email}  ${order.amount}`)
    }
  }
} finally {
  await shop.close()
}
