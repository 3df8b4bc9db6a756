import { z } from 'zod'
import { AirlockError } from '../../errors/index.js'
import { addressText } from '../addresses.js'
import { defineTool } from '../tool.js'
import { requireConnection } from './allowed.js'
import { discoverBy } from './discovery-request.js'
import { connectionField, discoveredTable, nameField } from './fields.js'

/** Everything that the server's catalogue says of one table. */
export const schemaGet = defineTool({
  name: 'schema_get',
  title: 'Describe one table',
  description: 'Columns, types, primary and unique keys and references of one table.',
  input: z.strictObject({
    connection: connectionField,
    table: nameField('Name of the table, without its schema.'),
    schema: nameField('Schema of the table; in MySQL its database.').optional(),
  }),
  output: z.object({ connection: z.string(), table: discoveredTable, age_ms: z.number().nullable(), uri: z.string() }),
  annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: true },
  about: ({ connection }) => ({ connection }),
  async run({ connection, table, schema }, call) {
    requireConnection(call.state, connection)
    const args = schema === undefined ? [] : [`--schema=${schema}`]
    const { tables, age_ms } = await discoverBy(call, args, [connection, table])
    const [found] = tables
    if (found === undefined) throw new AirlockError('TABLE_NOT_FOUND', { phase: 'discover' })
    const id = await call.state.documents.keep('schema', connection, JSON.stringify({ connection, table: found }))
    const uri = addressText({ kind: 'schema', connection, id })
    const { columns, ...rest } = found
    return {
      data: { connection, table: found, age_ms, uri },
      summary: `A ${found.kind === 'view' ? 'view' : 'table'} of ${columns.length} columns.`,
      lines: [rest, ...columns],
      links: [uri],
      outcome: { columns: columns.length },
    }
  },
})
