import { z } from 'zod'
import { AirlockError } from '../../errors/index.js'
import { defineTool } from '../tool.js'
import { pipelineFile } from './allowed.js'
import { pipelineField, streamsField } from './fields.js'

const mask = z.union([z.string(), z.object({ rule: z.string(), domain: z.string() })]).nullable()

const stream = z.object({
  stream: z.string(),
  target_table: z.string(),
  mode: z.string(),
  strategy: z.string().nullable(),
  target_exists: z.boolean(),
  estimated_rows: z.number().nullable(),
  notes: z.array(z.string()),
  drift: z.array(z.string()),
  columns: z.array(
    z.object({
      name: z.string(),
      type: z.string(),
      target_type: z.string().nullable(),
      nullable: z.boolean(),
      mask: mask.transform((found) => (found !== null && typeof found === 'object' ? found.rule : found)),
    }),
  ),
})

const plannedStream = stream.extend({
  columns: z.array(
    z.object({
      name: z.string(),
      type: z.string(),
      target_type: z.string().nullable(),
      nullable: z.boolean(),
      mask: z.string().nullable(),
    }),
  ),
})

const answered = z.object({ streams: z.array(stream) })
const described = z.object({ plan: z.string().regex(/^[0-9a-f]{64}$/) })

/** What a run would do, without statements or values of cursors; and, where runs are allowed, what confirms it. */
export const pipelinePlan = defineTool({
  name: 'pipeline_plan',
  title: 'Plan a pipeline',
  description:
    'What a run of a pipeline would do: tables, modes, types, masks, how the target differs. Writes nothing. Where the operator allows runs, the answer has a confirmation for pipeline_run; show the plan to the person first.',
  input: z.strictObject({ pipeline: pipelineField, streams: streamsField }),
  output: z.object({
    pipeline: z.string(),
    streams: z.array(plannedStream),
    confirmation: z
      .string()
      .nullable()
      .describe('For pipeline_run, once, within ten minutes; null where agents may not run.'),
  }),
  annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: true },
  about: ({ pipeline }) => ({ pipeline }),
  async run({ pipeline, streams }, { state, cli, client }) {
    const file = pipelineFile(state, pipeline)
    const { data, meta } = await cli({ args: ['plan', ...streamsOption(streams)], operands: [file] })
    const found = answered.safeParse(data)
    const about = described.safeParse(meta)
    if (!found.success || !about.success) throw new AirlockError('CHILD_FAILED', { phase: 'plan' })
    const confirmation = state.policy.limits.pipeline_run
      ? state.confirmations.issue({ pipeline, streams, digest: about.data.plan, client })
      : null
    return {
      data: { pipeline, streams: found.data.streams, confirmation },
      summary: [
        `${found.data.streams.length} streams. Nothing was written.`,
        confirmation === null ? 'Agents may not run pipelines here.' : `Confirmation for pipeline_run: ${confirmation}`,
      ].join('\n'),
      lines: found.data.streams,
      outcome: { streams: found.data.streams.length, confirmation: confirmation !== null },
    }
  },
})

/** Names of streams as an option; a comma would make two of one. Throws CALL_INVALID. */
export function streamsOption(streams: readonly string[] | undefined): readonly string[] {
  if (streams === undefined) return []
  if (streams.some((name) => name.includes(','))) {
    throw new AirlockError('CALL_INVALID', { phase: 'plan', params: { problem: 'streams' } })
  }
  return [`--streams=${streams.join(',')}`]
}
