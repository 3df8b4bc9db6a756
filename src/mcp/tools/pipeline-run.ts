import { z } from 'zod'
import { AirlockError } from '../../errors/index.js'
import { addressText } from '../addresses.js'
import { errorOfChild } from '../agent-error.js'
import { defineTool } from '../tool.js'
import { pipelineFile } from './allowed.js'
import { errorFields, pipelineField, streamsField } from './fields.js'
import { streamsOption } from './pipeline-plan.js'

const answered = z.object({
  run_id: z.string(),
  status: z.enum(['ok', 'partial', 'failed', 'cancelled']),
  seconds: z.number(),
  rows_written: z.int(),
  streams: z.array(
    z.object({
      stream: z.string(),
      status: z.enum(['ok', 'failed', 'skipped']),
      rows_read: z.int(),
      rows_written: z.int(),
      verification: z.object({ kind: z.string(), ok: z.boolean() }),
      error: z.looseObject({ code: z.string() }).nullable(),
    }),
  ),
})

/** Runs what was planned and confirmed, and nothing else. */
export const pipelineRun = defineTool({
  name: 'pipeline_run',
  title: 'Run a pipeline',
  description:
    'Runs a pipeline that pipeline_plan has planned: it WRITES to the target. Needs the confirmation of the plan; ask the person before. A pipeline that has changed since is refused.',
  input: z.strictObject({
    pipeline: pipelineField,
    streams: streamsField,
    confirmation: z.string().min(16).max(64).describe('From pipeline_plan, for the same pipeline and streams.'),
  }),
  output: z.object({
    pipeline: z.string(),
    run_id: z.string(),
    status: z.enum(['ok', 'partial', 'failed', 'cancelled']),
    seconds: z.number(),
    rows_written: z.int(),
    streams: z.array(
      z.object({
        stream: z.string(),
        status: z.enum(['ok', 'failed', 'skipped']),
        rows_read: z.int(),
        rows_written: z.int(),
        verified: z.string(),
        error: errorFields.nullable(),
      }),
    ),
    uri: z.string(),
  }),
  annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: false, openWorldHint: true },
  about: ({ pipeline }) => ({ pipeline }),
  async run({ pipeline, streams, confirmation }, { state, tryCli, client }) {
    const file = pipelineFile(state, pipeline)
    const option = streamsOption(streams)
    const plan = state.confirmations.redeem(confirmation, { pipeline, streams, client })
    const envelope = await tryCli({
      args: ['run', `--expect-plan=${plan}`, ...option],
      operands: [file],
      deadlineMs: state.policy.limits.run_timeout_seconds * 1000,
    })
    const found = answered.safeParse(envelope.data)
    if (!found.success) throw envelope.ok ? new AirlockError('CHILD_FAILED', { phase: 'run' }) : errorOfChild(envelope)
    const { run_id, status, seconds, rows_written } = found.data
    const uri = addressText({ kind: 'run', id: run_id })
    const reports = found.data.streams.map(({ error, verification, ...rest }) => ({
      ...rest,
      verified: rest.status === 'ok' && verification.ok ? verification.kind : 'no',
      error: error === null ? null : shortError(error),
    }))
    return {
      data: { pipeline, run_id, status, seconds, rows_written, streams: reports, uri },
      summary: `The run ended: ${status}. ${rows_written} rows were written.`,
      lines: reports,
      links: [uri],
      outcome: { run: run_id, status, rows_written },
    }
  },
})

function shortError(error: { readonly code: string }): z.output<typeof errorFields> {
  const { code, message, hint, ref } = errorOfChild({ ok: false, data: null, error: error as never })
  return { code, message, hint, ref }
}
