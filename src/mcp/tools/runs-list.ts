import { z } from 'zod'
import { AirlockError } from '../../errors/index.js'
import { addressText } from '../addresses.js'
import { defineTool } from '../tool.js'

const entry = z.object({
  run_id: z.string(),
  pipeline: z.string().nullable().default(null),
  status: z.string(),
  started_at: z.string().nullable().default(null),
  seconds: z.number().nullable().default(null),
  rows_written: z.int().nullable().default(null),
  streams: z.int().nullable().default(null),
})

/** Past runs, and where their reports are. */
export const runsList = defineTool({
  name: 'runs_list',
  title: 'List runs',
  description: 'Past runs, the newest first, each with the address of its report.',
  input: z.strictObject({ limit: z.int().min(1).max(100).default(20) }),
  output: z.object({ runs: z.array(entry.extend({ uri: z.string() })) }),
  annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  about: () => ({}),
  async run({ limit }, { cli }) {
    const { data } = await cli({ args: ['runs', 'list', `--limit=${limit}`] })
    const found = z.object({ runs: z.array(entry) }).safeParse(data)
    if (!found.success) throw new AirlockError('CHILD_FAILED', { phase: 'run' })
    const runs = found.data.runs.map((one) => ({ ...one, uri: addressText({ kind: 'run', id: one.run_id }) }))
    return {
      data: { runs },
      summary: runs.length === 0 ? 'No run is kept.' : `${runs.length} runs.`,
      lines: runs,
      outcome: { runs: runs.length },
    }
  },
})
