import { z } from 'zod'
import { defineTool } from '../tool.js'
import { requireConnection } from './allowed.js'
import { connectionField, statementField } from './fields.js'
import { queryOutput, queryResult } from './query-result.js'

/** How the server would answer a statement; the statement does not run. */
export const queryExplain = defineTool({
  name: 'query_explain',
  title: 'Explain a query',
  description:
    'The plan that the server makes for a statement, without running it. Use it before a query that may be slow.',
  input: z.strictObject({ connection: connectionField, sql: statementField }),
  output: queryOutput,
  annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: true },
  about: ({ connection }) => ({ connection }),
  async run({ connection, sql }, { state, cli }) {
    requireConnection(state, connection)
    const { timeout_seconds: timeout, max_bytes } = state.policy.limits
    const answer = await cli({
      args: [
        'query',
        '--explain',
        '--sql-file=-',
        '--max-rows=1000',
        `--max-bytes=${max_bytes}`,
        `--timeout=${timeout}`,
      ],
      operands: [connection],
      input: sql,
      deadlineMs: timeout * 1000 + 5000,
    })
    const data = queryResult(connection, answer)
    return {
      data,
      summary: 'The plan of the server; the statement did not run.',
      lines: [data.columns.map(({ name }) => name), ...data.rows],
      outcome: { rows: data.row_count },
    }
  },
})
