import { z } from 'zod'
import { defineTool } from '../tool.js'

/** Which connections there are for agents. Asks nobody: it is what the server was started with. */
export const connectionsList = defineTool({
  name: 'connections_list',
  title: 'List connections',
  description:
    'Names of the databases and APIs that you may look at, their kind, the columns that are masked in query results, and the pipelines that you may plan. Start here.',
  input: z.strictObject({}),
  output: z.object({
    connections: z.array(z.object({ name: z.string(), driver: z.string(), masked_columns: z.array(z.string()) })),
    pipelines: z.array(z.string()),
    limits: z.object({
      max_rows: z.int(),
      max_bytes: z.int(),
      max_cell: z.int(),
      timeout_seconds: z.int(),
      pipeline_run: z.boolean(),
    }),
  }),
  annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  about: () => ({}),
  run(_, { state }) {
    const { connections, pipelines, limits } = state.policy
    const { max_rows, max_bytes, max_cell, timeout_seconds, pipeline_run } = limits
    const data = {
      connections: connections.map(({ name, driver, masked }) => ({ name, driver, masked_columns: masked })),
      pipelines: pipelines.map(({ name }) => name),
      limits: { max_rows, max_bytes, max_cell, timeout_seconds, pipeline_run },
    }
    const lines = data.connections.map(({ name, driver, masked_columns }) =>
      masked_columns.length === 0 ? `${name} (${driver})` : `${name} (${driver}; masked: ${masked_columns.join(', ')})`,
    )
    const pipelineLine = data.pipelines.length === 0 ? [] : [`Pipelines: ${data.pipelines.join(', ')}`]
    return Promise.resolve({
      data,
      summary: [`${lines.length} connections`, ...lines, ...pipelineLine].join('\n'),
      outcome: { connections: lines.length },
    })
  },
})
