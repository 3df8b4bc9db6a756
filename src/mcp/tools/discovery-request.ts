import { z } from 'zod'
import { AirlockError } from '../../errors/index.js'
import { addressText } from '../addresses.js'
import { type Call, defineTool } from '../tool.js'
import { requireConnection } from './allowed.js'
import { connectionField, discoveredTable, nameField } from './fields.js'

/** Tables that one answer lists; the resource has all of them. */
const MOST_TABLES = 200

const answered = z.object({
  server: z.string(),
  tables: z.array(discoveredTable),
  age_ms: z.number().nullable(),
  profile: z.unknown(),
})

/** What a child discovered, checked. */
export type Discovered = z.output<typeof answered>

/** Asks the CLI what a connection leads to, with the words of `airlock discover`. Throws CHILD_FAILED for an answer that is
 * none. */
export async function discoverBy(
  call: Call,
  args: readonly string[],
  operands: readonly string[],
): Promise<Discovered> {
  const { data } = await call.cli({ args: ['discover', ...args], operands })
  const found = answered.safeParse(data)
  if (!found.success) throw new AirlockError('CHILD_FAILED', { phase: 'discover' })
  return found.data
}

/** Tables of a connection, in short; all that is known of them stands in the resource. */
export const discoveryRequest = defineTool({
  name: 'discovery_request',
  title: 'Discover tables',
  description:
    'Tables and views of a connection with kind, number of columns, primary key and the size that the server estimates. The answer is kept as a resource with every column. Use schema_get for one table.',
  input: z.strictObject({
    connection: connectionField,
    schema: nameField('Only this schema; in MySQL this database.').optional(),
    refresh: z.boolean().default(false).describe('Ask the server, even if its answer of the last ten minutes is kept.'),
  }),
  output: z.object({
    connection: z.string(),
    server: z.string(),
    tables: z.array(
      z.object({
        schema: z.string().nullable(),
        name: z.string(),
        kind: z.string(),
        columns: z.int(),
        primary_key: z.array(z.string()),
        estimated_rows: z.number().nullable(),
      }),
    ),
    total: z.int().describe('Tables that there are; `tables` has the first of them.'),
    truncated: z.boolean(),
    age_ms: z.number().nullable().describe('How old the answer is; null where the server was asked.'),
    uri: z.string(),
  }),
  annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: true },
  about: ({ connection, refresh }) => ({ connection, refresh }),
  async run({ connection, schema, refresh }, call) {
    requireConnection(call.state, connection)
    const args = [...(schema === undefined ? [] : [`--schema=${schema}`]), ...(refresh ? ['--refresh'] : [])]
    const { server, tables, age_ms } = await discoverBy(call, args, [connection])
    const text = JSON.stringify({ connection, server, tables })
    const id = await call.state.documents.keep('discovery', connection, text)
    const uri = addressText({ kind: 'discovery', connection, id })
    const listed = tables.slice(0, MOST_TABLES).map(({ columns, schema, name, kind, primary_key, estimated_rows }) => ({
      schema,
      name,
      kind,
      columns: columns.length,
      primary_key,
      estimated_rows,
    }))
    const truncated = listed.length < tables.length
    return {
      data: { connection, server, tables: listed, total: tables.length, truncated, age_ms, uri },
      summary: `${tables.length} tables${truncated ? `, of which ${listed.length} are listed` : ''}.`,
      lines: listed,
      links: [uri],
      outcome: { tables: tables.length },
    }
  },
})
