/** A GraphQL service with one connection, in a process of its own. Its pages are ready, so that what is measured is the
 * client: it answers a document that selects all fields in their order, introspection, and a ping. Arguments: the job as JSON.
 * Tells its port to the process that forked it, and ends with it. */
import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { buildSchema, graphql, parse, validate, visit } from 'graphql'
import { readNodes, type ServedColumn, scalarOf } from './pages.js'

/** What the service has, and how long it takes for a page. */
export interface ServedTable {
  readonly table: string
  readonly path: string
  readonly columns: readonly ServedColumn[]
  readonly latencyMs: number
}

const { table, path, columns, latencyMs } = JSON.parse(process.argv[2] ?? '') as ServedTable
const nodes = readNodes(path, columns)
const schema = buildSchema(`
  scalar BigInt
  scalar Decimal
  scalar DateTime
  scalar Date
  type PageInfo { hasNextPage: Boolean! endCursor: String }
  type Row { ${columns.map((column) => `${column.name}: ${scalarOf(column)}${column.nullable === true ? '' : '!'}`).join(' ')} }
  type Rows { nodes: [Row!]! pageInfo: PageInfo! }
  type Query { ${table}(first: Int, after: String): Rows! }
`)
const known = new Map<string, boolean>()

/** Whether a document is one for a page: a valid one that asks for the table. Throws an Error where it does not have
 * every field of a row in its order, since no other page is ready. */
function isForPage(query: string): boolean {
  const before = known.get(query)
  if (before !== undefined) return before
  const document = parse(query)
  const fields: string[] = []
  const roots: string[] = []
  visit(document, {
    Field: ({ name, selectionSet }) => void (selectionSet === undefined ? fields : roots).push(name.value),
  })
  const forPage = validate(schema, document).length === 0 && roots.includes(table)
  const asked = fields.filter((name) => columns.some((column) => column.name === name))
  if (forPage && asked.join() !== columns.map(({ name }) => name).join()) throw new Error(`no page for ${asked.join()}`)
  known.set(query, forPage)
  return forPage
}

async function answer(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = []
  for await (const part of request) parts.push(part as Buffer)
  const { query, variables = {} } = JSON.parse(Buffer.concat(parts).toString('utf8')) as Question
  if (!isForPage(query)) return JSON.stringify(await graphql({ schema, source: query }))
  const first = Object.values(variables).find((value) => typeof value === 'number') ?? 1000
  const after = Object.values(variables).find((value) => typeof value === 'string') ?? '0'
  const begin = Number(after)
  const end = Math.min(begin + first, nodes.length)
  await sleep(latencyMs)
  const pageInfo = { hasNextPage: end < nodes.length, endCursor: end === begin ? null : String(end) }
  return `{"data":{"${table}":{"nodes":[${nodes.slice(begin, end).join(',')}],"pageInfo":${JSON.stringify(pageInfo)}}}}`
}

interface Question {
  readonly query: string
  readonly variables?: Readonly<Record<string, number | string | null>>
}

const server = createServer((request, response) => {
  answer(request).then(
    (body) => response.writeHead(200, { 'content-type': 'application/json' }).end(body),
    (error: unknown) => response.writeHead(500).end(String(error)),
  )
})
server.listen(0, '127.0.0.1')
await once(server, 'listening')
process.send?.({ port: (server.address() as AddressInfo).port })
process.once('disconnect', () => process.exit())
