import { graphql } from '../../src/drivers/index.js'
import { Secret } from '../../src/masking/secret.js'

/** A program that reads from and writes to a GraphQL service, leaves a read in its middle, closes everything and is then
 * done: for the test of how a process ends. */
const session = await graphql.open({
  endpoint: String(process.env['ENDPOINT']),
  auth: { type: 'bearer', token: new Secret('some token', 'token') },
})
let rows = 0
for await (const batch of session.extract({ table: 'orders', select: ['-secret'] })) rows += batch.rowCount
for await (const batch of session.extract({ table: 'orders', select: ['id', 'number'], batchBytes: 64 })) {
  const document = 'mutation ($input: OrderInput!) { createOrder(input: $input) { id } }'
  const columns = { id: 'input.id', number: 'input.number' }
  await using target = await graphql.open({ endpoint: String(process.env['ENDPOINT']) })
  const plan = { table: 'orders', mode: 'append', graphql: { document, columns, concurrency: 3 } } as const
  await target.write(plan, only(batch))
  break
}
process.stdout.write(`rows ${rows}\n`)
await session.close()
process.stdout.write('closed\n')

async function* only<T>(batch: T) {
  yield batch
}
