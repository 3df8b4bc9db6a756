import { randomBytes } from 'node:crypto'
import { availableParallelism } from 'node:os'
import { runInSession } from '../cache/index.js'
import type { Pipeline } from '../config/pipeline.js'
import type { RemoteEvent } from '../remote/index.js'
import { type Arrangement, arrangeStreams, chosenStreams } from './arrange-streams.js'
import { hasWildcards } from './expand-streams.js'
import { frameHere } from './jobs/job-frame.js'
import { LoopDelay } from './loop-delay.js'
import { MemoryWatch } from './memory-watch.js'
import { exitCodeOf, statusOf } from './outcome.js'
import { type OpenReaders, openReaders } from './parts/readers.js'
import type { RunReport, StreamReport } from './report.js'
import { type Progress, secondsSince, type VerifyKind } from './run-stream.js'
import { saveReport } from './saved-reports.js'
import { runInOrder } from './schedule.js'
import { SessionPools } from './session-pools.js'
import { HomeState } from './state-store.js'
import { planStream, type StreamPlan, type StreamRules } from './stream-plan.js'
import type { StreamRunner } from './stream-runner.js'
import { reportBehind, runStreamOf, type StreamContext } from './stream-task.js'
import type { Workspace } from './workspace.js'

/** On fewer, threads only take time from the servers of this machine and from each other. */
const THREAD_CORES = 4

export interface RunOptions {
  readonly signal?: AbortSignal
  /** Only these streams, by name. */
  readonly streams?: readonly string[]
  /** What is compared before the commit (`count`). */
  readonly verify?: VerifyKind
  /** How many streams run at one time (1), within `max_connections` of both ends. */
  readonly parallel?: number
  /** Whether the ranges of a divided stream are read by threads: by default where the machine has at least four cores. */
  readonly threads?: boolean
  /** How often a stream that failed is tried again (2), where that is right; see docs/incremental.md. */
  readonly retries?: number
  /** Incremental streams read everything and save their state anew. */
  readonly fullRefresh?: boolean
  /** Ends the run, with nothing of the present streams written, once this process has more memory (RSS, in bytes). */
  readonly maxMemoryBytes?: number
  /** Where the streams are moved; in this process where it is not given. */
  readonly runner?: StreamRunner
  readonly onPlan?: (plan: StreamPlan) => void
  readonly onProgress?: (progress: Progress) => void
  readonly onStream?: (report: StreamReport) => void
  /** Told of each event of a remote run, with its line for a person. */
  readonly onRemoteEvent?: (event: RemoteEvent, line: string) => void
}

/** Runs a pipeline, in this process or where `runner` says: each stream in one transaction of the target, parents before children. A stream that
 * fails does not stop the others but for those whose rows refer to it; an abort does. Resolves with the report whatever
 * happened to the streams; throws only for what concerns the run as a whole (configuration, wildcards, audit). */
export async function runPipeline(
  workspace: Workspace,
  pipeline: Pipeline,
  options: RunOptions = {},
): Promise<RunReport> {
  if (!hasWildcards(pipeline)) chosenStreams(pipeline, options.streams)
  const runId = `${new Date().toISOString().replace(/[-:]|\..*/g, '')}-${randomBytes(3).toString('hex')}`
  const streams = pipeline.streams.filter((stream) => !stream.disabled).map((stream) => stream.name)
  const data = { run: runId, pipeline: pipeline.name, streams: options.streams ?? streams }
  // Every record and event that the run leads to carries its id.
  return await runInSession(runId, async () => {
    const work = () => runStreams(workspace, pipeline, runId, options)
    const report = await workspace.audited('run', data, work, summary)
    await keepReport(workspace, report)
    return report
  })
}

/** A report that cannot be kept takes nothing back: the rows are in the target, and the audit log says so. */
async function keepReport(workspace: Workspace, report: RunReport): Promise<void> {
  try {
    await saveReport(workspace.config.home, report, workspace.masker)
  } catch (error) {
    raise(workspace, 'report not kept', error, report.run_id)
  }
}

/** Works out every stream of a pipeline without reading or writing a row. */
export async function planPipeline(
  workspace: Workspace,
  pipeline: Pipeline,
  options: Pick<RunOptions, 'signal' | 'streams' | 'fullRefresh' | 'verify'> = {},
): Promise<readonly StreamPlan[]> {
  if (!hasWildcards(pipeline)) chosenStreams(pipeline, options.streams)
  const signal = options.signal ?? new AbortController().signal
  const rules = await rulesOf(workspace, pipeline, options)
  await using pools = await SessionPools.create(workspace, pipeline, 1)
  const onProblem = (error: unknown) => raise(workspace, 'order of streams unknown', error)
  const arranged = await arrangeStreams(workspace, pipeline, pools, options.streams, signal, onProblem)
  return await pools.use(signal, async ({ source, target }) => {
    const plans: StreamPlan[] = []
    for (const stream of arranged.streams) {
      const planned = await planStream(stream, source, target, rules, signal)
      plans.push({ ...planned, notes: [...planned.notes, ...orderNotes(stream.name, arranged)] })
    }
    return plans
  })
}

function orderNotes(name: string, { parents, cycles }: Arrangement): readonly string[] {
  const before = parents.get(name) ?? []
  const cycle = cycles.find((names) => names.includes(name))
  return [
    ...(before.length === 0 ? [] : [`runs after ${before.join(', ')}: foreign keys refer to it`]),
    ...(cycle === undefined ? [] : [`foreign keys go in a circle (${cycle.join(' → ')}), so they do not order it`]),
  ]
}

async function runStreams(
  workspace: Workspace,
  pipeline: Pipeline,
  runId: string,
  options: RunOptions,
): Promise<RunReport> {
  const { telemetry } = workspace
  const startedAt = new Date()
  const started = performance.now()
  const before = telemetry.snapshot()
  const asked = options.signal ?? new AbortController().signal
  using memory = new MemoryWatch(options.maxMemoryBytes)
  const signal = AbortSignal.any([asked, memory.signal])
  using loop = new LoopDelay()
  telemetry.add({ runs_started: 1 })
  telemetry.emit('run.started', { run: runId, streams: pipeline.streams.length })
  const rules = await rulesOf(workspace, pipeline, options)
  const move = options.runner ?? locally
  const { reports, remote } = await move({ workspace, pipeline, runId, options, rules, signal })
  const after = telemetry.snapshot()
  // Too much memory is a failure; only who asked can cancel.
  const status = statusOf(reports, asked)
  const run_us = Math.round((performance.now() - started) * 1000)
  telemetry.add({ run_us, ...(status === 'ok' ? { runs_completed: 1 } : { runs_failed: 1 }) })
  telemetry.emit(status === 'ok' ? 'run.completed' : 'run.failed', { run: runId, status })
  return {
    run_id: runId,
    pipeline: pipeline.name,
    status,
    exit_code: exitCodeOf(reports, asked),
    started_at: startedAt.toISOString(),
    seconds: secondsSince(started),
    rows_read: sum(reports, 'rows_read'),
    rows_masked: sum(reports, 'rows_masked'),
    rows_written: sum(reports, 'rows_written'),
    rows_rejected: sum(reports, 'rows_rejected'),
    bytes: sum(reports, 'bytes'),
    peak_rss_bytes: process.resourceUsage().maxRSS * 1024,
    max_memory_bytes: options.maxMemoryBytes ?? null,
    event_loop_delay_ms: loop.read(),
    connections: {
      opened: after.connections_opened - before.connections_opened,
      closed: after.connections_closed - before.connections_closed,
    },
    streams: reports,
    remote,
    audit_dir: workspace.auditDir ?? null,
  }
}

/** Moves the streams in this process, up to `parallel` at one time. */
const locally: StreamRunner = async ({ workspace, pipeline, runId, options, rules, signal }) => {
  await using pools = await SessionPools.create(workspace, pipeline, options.parallel ?? 1)
  const onProblem = (error: unknown) => raise(workspace, 'order of streams unknown', error, runId)
  const { streams, parents } = await arrangeStreams(workspace, pipeline, pools, options.streams, signal, onProblem)
  const readers = inThreads(workspace, pipeline, runId, options)
  const context: StreamContext = {
    ...{ host: workspace, runId, signal, options, rules, pools },
    ...(readers === undefined ? {} : { readers }),
    spare: streams.some((stream) => stream.partitionBy !== undefined) ? 1 : pools.spare(streams.length),
  }
  const told = (report: StreamReport) => {
    options.onStream?.(report)
    return report
  }
  const reports = await runInOrder(streams, parents, pools.parallel, {
    run: async (stream) => told(await runStreamOf(stream, context)),
    skip: (stream, parent) => told(reportBehind(stream, parent)),
  })
  return { reports, remote: null }
}

/** Opens readers in threads, where they are wanted. Nothing is loaded or resolved for them before a stream is divided. */
function inThreads(
  workspace: Workspace,
  pipeline: Pipeline,
  runId: string,
  options: RunOptions,
): OpenReaders | undefined {
  if (!(options.threads ?? availableParallelism() >= THREAD_CORES)) return undefined
  return async (wanted, context) => {
    const { isBuilt, threadReaders } = await import('./threads/thread-readers.js')
    if (options.threads === undefined && !isBuilt()) return await openReaders(wanted, context)
    return await threadReaders(await frameHere(workspace, pipeline, runId, options))(wanted, context)
  }
}

async function rulesOf(
  workspace: Workspace,
  pipeline: Pipeline,
  { fullRefresh, verify }: Pick<RunOptions, 'fullRefresh' | 'verify'>,
): Promise<StreamRules> {
  const { config } = workspace
  return {
    maskKey: await config.maskKey(),
    denyUnmasked: config.denyUnmasked,
    pipeline: pipeline.name,
    sourceName: pipeline.source,
    home: new HomeState(config.home),
    fullRefresh: fullRefresh === true,
    checksum: verify === 'checksum',
  }
}

/** Something went wrong that stops nothing. */
function raise(workspace: Workspace, problem: string, error: unknown, run?: string): void {
  const { code, ref } = workspace.masker.error(error, { phase: 'run' })
  workspace.telemetry.emit('warning.raised', { ...(run === undefined ? {} : { run }), problem, code, ref })
}

function sum(
  reports: readonly StreamReport[],
  field: 'rows_read' | 'rows_masked' | 'rows_written' | 'rows_rejected' | 'bytes',
): number {
  return reports.reduce((total, report) => total + report[field], 0)
}

function summary(report: RunReport): unknown {
  const { status, rows_written, bytes, connections } = report
  return { status, rows_written, bytes, connections }
}
