import { randomBytes } from 'node:crypto'
import type { Pipeline, PipelineStream } from '../config/pipeline.js'
import { isPlainName } from '../config/place.js'
import { AirlockError } from '../errors/index.js'
import { exitCodeOf, statusOf } from './outcome.js'
import type { RunReport, StreamReport } from './report.js'
import { type Progress, secondsSince, type VerifyKind } from './run-stream.js'
import { saveReport } from './saved-reports.js'
import { SessionPools } from './session-pools.js'
import { planStream, type StreamPlan } from './stream-plan.js'
import { moveStream, reportFailure, reportSkipped, type StreamContext } from './stream-task.js'
import type { Workspace } from './workspace.js'

export interface RunOptions {
  readonly signal?: AbortSignal
  /** Only these streams, by name. */
  readonly streams?: readonly string[]
  readonly verify?: VerifyKind
  /** How many streams run at one time (1), within `max_connections` of both ends. */
  readonly parallel?: number
  readonly onPlan?: (plan: StreamPlan) => void
  readonly onProgress?: (progress: Progress) => void
  readonly onStream?: (report: StreamReport) => void
}

/** Runs a pipeline in this process: each stream in one transaction of the target. A stream that
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
  await keepReport(workspace, report)
  return report
}

/** A report that cannot be kept takes nothing back: the rows are in the target, and the audit log says so. */
async function keepReport(workspace: Workspace, report: RunReport): Promise<void> {
  try {
    await saveReport(workspace.config.home, report, workspace.masker)
  } catch (error) {
    const { code, ref } = workspace.masker.error(error, { phase: 'run' })
    workspace.telemetry.emit('warning.raised', { run: report.run_id, problem: 'report not kept', code, ref })
  }
}

/** Works out every stream of a pipeline without reading or writing a row. */
export async function planPipeline(
  workspace: Workspace,
  pipeline: Pipeline,
  options: Pick<RunOptions, 'signal' | 'streams'> = {},
): Promise<readonly StreamPlan[]> {
  const signal = options.signal ?? new AbortController().signal
  const { config } = workspace
  const rules = { maskKey: await config.maskKey(), denyUnmasked: config.denyUnmasked }
  await using pools = await SessionPools.create(workspace, pipeline, 1)
  return await pools.use(signal, async ({ source, target }) => {
    const plans: StreamPlan[] = []
    for (const stream of chosenStreams(pipeline, options.streams)) {
      plans.push(await planStream(stream, source, target, rules, signal))
    }
    return plans
  })
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
  const context = { workspace, runId, signal, options }
  const reports: StreamReport[] = []
  {
    await using pools = await SessionPools.create(workspace, pipeline, options.parallel ?? 1)
    const waiting = [...streams.entries()]
    const work = async () => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        const [index, stream] = next
        const report = await runOne(stream, pools, context)
        reports[index] = report
        options.onStream?.(report)
      }
    }
    await Promise.all(Array.from({ length: pools.parallel }, work))
  }
  const after = telemetry.snapshot()
  const status = statusOf(reports, signal)
  const run_us = Math.round((performance.now() - started) * 1000)
  telemetry.add({ run_us, ...(status === 'ok' ? { runs_completed: 1 } : { runs_failed: 1 }) })
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

async function runOne(stream: PipelineStream, pools: SessionPools, context: StreamContext): Promise<StreamReport> {
  if (context.signal.aborted) return reportSkipped(stream)
  const { telemetry } = context.workspace
  const started = performance.now()
  telemetry.add({ streams_started: 1 })
  telemetry.emit('stream.started', { run: context.runId, stream: stream.name })
  try {
    return await pools.use(context.signal, (ends) => moveStream(stream, ends, context))
  } catch (error) {
    return reportFailure(stream, error, started, context)
  }
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

function summary(report: RunReport): unknown {
  const { status, rows_written, bytes, connections } = report
  return { status, rows_written, bytes, connections }
}
