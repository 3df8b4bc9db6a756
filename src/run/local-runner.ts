import { randomBytes } from 'node:crypto'
import type { Pipeline, PipelineStream } from '../config/pipeline.js'
import { isPlainName } from '../config/place.js'
import { AirlockError, type ExitCode } from '../errors/index.js'
import type { RunReport, StreamReport } from './report.js'
import { type Progress, runStream, secondsSince, type VerifyKind } from './run-stream.js'
import { saveReport } from './saved-reports.js'
import { SessionPair } from './session-pair.js'
import { planStream, type StreamPlan } from './stream-plan.js'
import type { Workspace } from './workspace.js'

export interface RunOptions {
  readonly signal?: AbortSignal
  /** Only these streams, by name. */
  readonly streams?: readonly string[]
  readonly verify?: VerifyKind
  readonly onPlan?: (plan: StreamPlan) => void
  readonly onProgress?: (progress: Progress) => void
  readonly onStream?: (report: StreamReport) => void
}

/** Runs a pipeline in this process: its streams one after the other, each in one transaction of the target. A stream that
 * fails does not stop the others, an abort does. Resolves with the report whatever happened to the streams; throws only
 * for what concerns the run as a whole (configuration, audit). */
export async function runPipeline(
  workspace: Workspace,
  pipeline: Pipeline,
  options: RunOptions = {},
): Promise<RunReport> {
  const streams = chosenStreams(pipeline, options.streams)
  const runId = `${new Date().toISOString().replace(/[-:]|\..*/g, '')}-${randomBytes(3).toString('hex')}`
  const data = { run: runId, pipeline: pipeline.name, streams: streams.map((stream) => stream.name) }
  const report = await workspace.audited(
    'run',
    data,
    () => runStreams(workspace, pipeline, streams, runId, options),
    summary,
  )
  await saveReport(workspace.config.home, report, workspace.masker)
  return report
}

/** Works out every stream of a pipeline without reading or writing a row. */
export async function planPipeline(
  workspace: Workspace,
  pipeline: Pipeline,
  options: Pick<RunOptions, 'signal' | 'streams'> = {},
): Promise<readonly StreamPlan[]> {
  const signal = options.signal ?? new AbortController().signal
  await using sessions = sessionsOf(workspace, pipeline, signal)
  const plans: StreamPlan[] = []
  for (const stream of chosenStreams(pipeline, options.streams))
    plans.push(await plan(workspace, stream, sessions, signal))
  return plans
}

async function runStreams(
  workspace: Workspace,
  pipeline: Pipeline,
  streams: readonly PipelineStream[],
  runId: string,
  options: RunOptions,
): Promise<RunReport> {
  const { telemetry } = workspace
  const startedAt = new Date()
  const started = performance.now()
  const before = telemetry.snapshot()
  const signal = options.signal ?? new AbortController().signal
  telemetry.add({ runs_started: 1 })
  telemetry.emit('run.started', { run: runId, streams: streams.length })
  const reports: StreamReport[] = []
  {
    await using sessions = sessionsOf(workspace, pipeline, signal)
    for (const stream of streams) {
      const report = await runOne(workspace, stream, sessions, runId, signal, options)
      reports.push(report)
      options.onStream?.(report)
    }
  }
  const after = telemetry.snapshot()
  const status = statusOf(reports, signal)
  telemetry.add({ ...(status === 'ok' ? { runs_completed: 1 } : { runs_failed: 1 }) })
  telemetry.emit(status === 'ok' ? 'run.completed' : 'run.failed', { run: runId, status })
  return {
    run_id: runId,
    pipeline: pipeline.name,
    status,
    exit_code: exitCodeOf(reports, signal),
    started_at: startedAt.toISOString(),
    seconds: secondsSince(started),
    rows_written: reports.reduce((sum, report) => sum + report.rows_written, 0),
    bytes: reports.reduce((sum, report) => sum + report.bytes, 0),
    peak_rss_bytes: process.resourceUsage().maxRSS * 1024,
    connections: {
      opened: after.connections_opened - before.connections_opened,
      closed: after.connections_closed - before.connections_closed,
    },
    streams: reports,
    audit_dir: workspace.auditDir ?? null,
  }
}

async function runOne(
  workspace: Workspace,
  stream: PipelineStream,
  sessions: SessionPair,
  runId: string,
  signal: AbortSignal,
  options: RunOptions,
): Promise<StreamReport> {
  const { telemetry } = workspace
  if (signal.aborted) return failedReport(stream, 'skipped', undefined, 0)
  const started = performance.now()
  telemetry.add({ streams_started: 1 })
  telemetry.emit('stream.started', { run: runId, stream: stream.name })
  try {
    const planned = await plan(workspace, stream, sessions, signal)
    options.onPlan?.(planned)
    const intent = { run: runId, stream: stream.name, mode: planned.write.mode, masked: planned.maskedColumns }
    const [source, target] = await sessions.both()
    const report = await workspace.audited(
      'stream.write',
      intent,
      () =>
        runStream(planned, {
          source,
          target,
          signal,
          verify: options.verify ?? 'count',
          onProgress: options.onProgress,
        }),
      (done) => ({ rows: done.rows_written, bytes: done.bytes, route: done.route, policies: done.policies }),
    )
    telemetry.add({
      streams_completed: 1,
      rows_read: report.rows_read,
      rows_masked: report.rows_masked,
      rows_sent: report.rows_sent,
      rows_written: report.rows_written,
      bytes_written: report.bytes,
      ...(report.verification.kind === 'none' ? {} : { verifications_passed: 1 }),
    })
    telemetry.addPolicies(report.policies)
    telemetry.emit('stream.completed', { run: runId, stream: stream.name, rows: report.rows_written })
    return report
  } catch (error) {
    const known = error instanceof AirlockError ? error : workspace.masker.error(error)
    telemetry.add({
      streams_failed: 1,
      errors: 1,
      ...(known.exitCode === 7 ? { verifications_failed: 1 } : {}),
    })
    telemetry.emit('stream.failed', { run: runId, stream: stream.name, code: known.code, ref: known.ref })
    await sessions.drop()
    return failedReport(stream, 'failed', known, secondsSince(started))
  }
}

async function plan(
  workspace: Workspace,
  stream: PipelineStream,
  sessions: SessionPair,
  signal: AbortSignal,
): Promise<StreamPlan> {
  const rules = { maskKey: await workspace.config.maskKey(), denyUnmasked: workspace.config.denyUnmasked }
  const [source, target] = await sessions.both()
  return await planStream(stream, source, target, rules, signal)
}

function sessionsOf(workspace: Workspace, pipeline: Pipeline, signal: AbortSignal): SessionPair {
  return new SessionPair((side) => workspace.connect(pipeline[side], signal))
}

function chosenStreams(pipeline: Pipeline, names: readonly string[] | undefined): readonly PipelineStream[] {
  const enabled = pipeline.streams.filter((stream) => !stream.disabled)
  if (names === undefined) return enabled
  const unknown = names.find((name) => !pipeline.streams.some((stream) => stream.name === name))
  if (unknown !== undefined) {
    // Whatever was typed in its place may be a secret.
    const name = isPlainName(unknown) ? unknown : '(this is no name)'
    throw new AirlockError('USAGE', { phase: 'config', params: { problem: `the pipeline has no stream ${name}` } })
  }
  return enabled.filter((stream) => names.includes(stream.name))
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

function statusOf(reports: readonly StreamReport[], signal: AbortSignal): RunReport['status'] {
  if (reports.every((report) => report.status === 'ok')) return 'ok'
  if (signal.aborted) return 'cancelled'
  return reports.some((report) => report.status === 'ok') ? 'partial' : 'failed'
}

/** 0 when every stream is complete, the signal's or the error's own code otherwise, 6 when only some failed. */
function exitCodeOf(reports: readonly StreamReport[], signal: AbortSignal): ExitCode {
  const status = statusOf(reports, signal)
  if (status === 'ok') return 0
  if (status === 'cancelled' && signal.reason instanceof AirlockError) return signal.reason.exitCode
  if (status === 'cancelled') return 130
  if (status === 'partial') return 6
  const first = reports.find((report) => report.error !== null)
  return first?.error?.exit_code ?? 1
}

function summary(report: RunReport): unknown {
  const { status, rows_written, bytes, connections } = report
  return { status, rows_written, bytes, connections }
}
