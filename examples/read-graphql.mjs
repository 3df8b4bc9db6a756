// A GraphQL service as a source: the records of a document, page by page, as rows. Everything is text or null, so that no
// number loses a digit; what the document selects as an object or a list is JSON.
import { graphql } from 'db-airlock/drivers'
import { Secret } from 'db-airlock/masking'

const { API_URL, API_TOKEN } = process.env

const document = `
  query ($first: Int, $after: String) {
    orders(first: $first, after: $after) {
      nodes { id total customer { name } }
      pageInfo { hasNextPage endCursor }
    }
  }`

const api = await graphql.open({
  endpoint: API_URL,
  auth: { type: 'bearer', token: new Secret(API_TOKEN, 'api token') },
})
try {
  const fields = { id: { path: 'id' }, total: { path: 'total' }, customer: { path: 'customer.name' } }
  const orders = api.extract({ graphql: { document, fields } })
  for await (const batch of orders) {
    for (const order of batch.objects()) console.log(`${order.id}  ${order.total}  ${order.customer ?? '-'}`)
  }
  console.log(`${orders.rowsRead} orders`)
} finally {
  await api.close()
}
