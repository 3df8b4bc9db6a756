import type { PipelineStream } from '../config/pipeline.js'
import { AirlockError } from '../errors/index.js'
import type { RunOptions } from './local-runner.js'
import type { StreamReport } from './report.js'
import { runStream, secondsSince } from './run-stream.js'
import type { Ends } from './session-pools.js'
import { planStream } from './stream-plan.js'
import type { Workspace } from './workspace.js'

/** The run that a stream belongs to. */
export interface StreamContext {
  readonly workspace: Workspace
  readonly runId: string
  readonly signal: AbortSignal
  readonly options: RunOptions
}

/** Plans and runs one stream between two open sessions, with its audit records and counters. Throws AirlockError. */
export async function moveStream(stream: PipelineStream, ends: Ends, context: StreamContext): Promise<StreamReport> {
  const { workspace, runId, signal, options } = context
  const { telemetry, config } = workspace
  const rules = { maskKey: await config.maskKey(), denyUnmasked: config.denyUnmasked }
  const planned = await planStream(stream, ends.source, ends.target, rules, signal)
  options.onPlan?.(planned)
  const intent = { run: runId, stream: stream.name, mode: planned.write.mode, masked: planned.maskedColumns }
  const { verify = 'count', onProgress } = options
  const report = await workspace.audited(
    'stream.write',
    intent,
    () => runStream(planned, { ...ends, signal, verify, onProgress }),
    (done) => ({ rows: done.rows_written, bytes: done.bytes, route: done.route, policies: done.policies }),
  )
  telemetry.add({
    streams_completed: 1,
    rows_read: report.rows_read,
    rows_masked: report.rows_masked,
    bytes_read: report.bytes_read,
    batches: report.batches,
    rows_sent: report.rows_sent,
    rows_written: report.rows_written,
    bytes_written: report.bytes,
    ...(report.verification.kind === 'none' ? {} : { verifications_passed: 1 }),
  })
  telemetry.addPolicies(report.policies)
  telemetry.emit('stream.completed', { run: runId, stream: stream.name, rows: report.rows_written })
  return report
}

/** Counts a failed stream and gives its report. */
export function reportFailure(
  stream: PipelineStream,
  error: unknown,
  started: number,
  context: StreamContext,
): StreamReport {
  const { workspace, runId } = context
  const known = error instanceof AirlockError ? error : workspace.masker.error(error)
  workspace.telemetry.add({
    streams_failed: 1,
    errors: 1,
    ...(known.exitCode === 7 ? { verifications_failed: 1 } : {}),
  })
  workspace.telemetry.emit('stream.failed', { run: runId, stream: stream.name, code: known.code, ref: known.ref })
  return failedReport(stream, 'failed', known, secondsSince(started))
}

/** The report of a stream that an abort came before. */
export function reportSkipped(stream: PipelineStream): StreamReport {
  return failedReport(stream, 'skipped', undefined, 0)
}

function failedReport(
  stream: PipelineStream,
  status: 'failed' | 'skipped',
  error: AirlockError | undefined,
  seconds: number,
): StreamReport {
  return {
    stream: stream.name,
    status,
    mode: stream.mode,
    route: null,
    rows_read: 0,
    rows_masked: 0,
    bytes_read: 0,
    batches: 0,
    rows_sent: 0,
    rows_confirmed: 0,
    rows_written: 0,
    bytes: 0,
    seconds,
    masked_columns: Object.keys(stream.mask),
    policies: {},
    verification: { kind: 'none', ok: false },
    error: error?.toJSON() ?? null,
  }
}
