/** graphql-request and pg: a page, an INSERT, the next page. */
import { GraphQLClient } from 'graphql-request'
import { insertRows } from './insert-rows.mjs'

const job = JSON.parse(process.env['BENCH_JOB'] ?? '')
const client = new GraphQLClient(job.source.endpoint)
const document = `query ($first: Int!, $after: String) {
  ${job.table}(first: $first, after: $after) {
    nodes { ${job.columns.join(' ')} }
    pageInfo { hasNextPage endCursor }
  }
}`

async function* rows() {
  for (let after = null, more = true; more; ) {
    const page = (await client.request(document, { first: job.source.page_size, after }))[job.table]
    for (const node of page.nodes) yield job.columns.map((name) => node[name])
    more = page.pageInfo.hasNextPage
    after = page.pageInfo.endCursor
  }
}

await insertRows(job, rows())
