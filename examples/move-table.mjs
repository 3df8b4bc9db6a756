// Moves a table from MySQL to Postgres in one transaction of the target: all of it arrives, or nothing changes.
import { mysql, postgres } from 'db-airlock/drivers'
import { Secret } from 'db-airlock/masking'

const shop = await mysql.open({ url: new Secret(process.env.SHOP_URL, 'shop') })
try {
  const warehouse = await postgres.open({ url: new Secret(process.env.WAREHOUSE_URL, 'warehouse') })
  try {
    const customers = shop.extract({
      table: 'customers',
      mask: { email: 'partial-email', phone: 'partial-last4', notes: 'redact' },
    })
    const receipt = await warehouse.write({ table: 'public.customers', mode: 'replace' }, customers)
    console.log(`${receipt.rowsSent} rows sent, ${receipt.rowsConfirmed} confirmed, ${receipt.rowsCounted} counted`)
  } finally {
    await warehouse.close()
  }
} finally {
  await shop.close()
}
