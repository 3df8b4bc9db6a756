import type { PipelineStream } from '../config/pipeline.js'
import { partitionProblem } from '../config/stream-problem.js'
import { withRetries } from '../core/retry.js'
import type { WriteFence } from '../core/write-fence.js'
import { AirlockError } from '../errors/index.js'
import type { RunOptions } from './local-runner.js'
import { supersedeParts } from './parts/forget-parts.js'
import { moveInParts } from './parts/move-in-parts.js'
import type { OpenReaders } from './parts/readers.js'
import type { StreamReport } from './report.js'
import { runResumable } from './resume-run.js'
import type { RunHost } from './run-host.js'
import { runStream, type Seen, type StreamOutcome, secondsSince } from './run-stream.js'
import type { Ends, SessionPools } from './session-pools.js'
import { planStream, type StreamPlan, type StreamRules } from './stream-plan.js'

/** The run that a stream belongs to. */
export interface StreamContext {
  readonly host: RunHost
  readonly runId: string
  readonly signal: AbortSignal
  readonly options: RunOptions
  readonly rules: StreamRules
  readonly pools: SessionPools
  /** Pairs of sessions that a stream which is not to be divided may take, where others would stay idle (1). */
  readonly spare?: number
  /** Of a run of which several attempts may be alive: what each try at a stream has to claim before it writes. */
  readonly fenceOf?: (stream: string, attempt: number) => WriteFence
  /** Who reads the ranges of a divided stream, where it is not this thread. */
  readonly readers?: OpenReaders
}

/** How often a stream is tried again where the caller does not say. */
const RETRIES = 2

/** Runs one stream and gives its report, whatever happened; repeats it where that is right. */
export async function runStreamOf(stream: PipelineStream, context: StreamContext): Promise<StreamReport> {
  const { host, runId, signal, options, pools } = context
  if (signal.aborted) return reportSkipped(stream)
  const { telemetry } = host
  const started = performance.now()
  telemetry.add({ streams_started: 1 })
  telemetry.emit('stream.started', { run: runId, stream: stream.name })
  const tried: Attempt = {
    ...{ count: 0, plan: undefined, wrote: false, settled: false, atomic: true },
    seen: nothingSeen(),
  }
  try {
    const outcome = await withRetries(
      async (attempt) => {
        Object.assign(tried, { count: attempt, plan: undefined, wrote: false, seen: nothingSeen() })
        if (attempt > 1) await pools.renew()
        // Of one pair of sessions a divided stream would read one range after the other, and write them twice.
        const isDivided = stream.partitionBy !== undefined && pools.parallel > 1
        const moved = isDivided || mayDivide(stream, context) ? await moveDivided(stream, context, tried) : undefined
        if (moved !== undefined) return moved
        return await pools.use(signal, (ends) => moveStream(stream, ends, context, tried))
      },
      {
        retries: options.retries ?? RETRIES,
        signal,
        mayRepeat: (error) => mayRepeat(error, tried),
        onRetry: ({ code, ref }, attempt, waitMs) => {
          telemetry.add({ retries: 1 })
          telemetry.emit('attempt.retried', { run: runId, stream: stream.name, attempt, code, ref, wait_ms: waitMs })
        },
      },
    )
    return { ...outcome, attempts: tried.count }
  } catch (error) {
    return reportFailure(stream, error, started, tried, context)
  }
}

/** How far the present attempt has come. */
export interface Attempt {
  count: number
  plan: StreamPlan | undefined
  wrote: boolean
  /** What it does now has retries of its own. */
  settled: boolean
  /** Whether a write that failed leaves nothing. */
  atomic: boolean
  seen: Seen
}

function nothingSeen(): Seen {
  return { rows: 0, bytes: 0, batches: 0 }
}

/** Decides by code and by what may be in the target already. All modes but append give the same rows however often they
 * run. An append is repeated only where nothing of it can have stayed: after a lost answer to its commit the server may
 * still be at work on it, and not even the state that it saves could be seen yet. */
function mayRepeat(error: AirlockError, { plan, wrote, settled, atomic }: Attempt): boolean {
  if (settled) return false
  const appends = plan === undefined || plan.write.mode === 'append'
  if (error.code === 'OUTCOME_UNKNOWN') return !appends
  return error.retryable && (!appends || !wrote || atomic)
}

/** Plans and runs one stream between two open sessions, with its audit records and counters. Throws AirlockError. */
async function moveStream(
  stream: PipelineStream,
  ends: Ends,
  context: StreamContext,
  tried: Attempt,
): Promise<StreamOutcome> {
  const { host, runId, signal, options, rules, pools } = context
  const { telemetry } = host
  tried.atomic = ends.target.capabilities.atomicWrites !== false
  const fence = ends.target.keepsFences ? context.fenceOf?.(stream.name, tried.count) : undefined
  // Before planning: where an earlier attempt did commit, state and target are no longer what it began with.
  const committed = fence && (await ends.target.claimWrite(fence, signal))
  if (committed !== undefined) return committedBefore(stream, committed.rows, context)
  const unfenced = await planStream(stream, ends.source, ends.target, rules, signal)
  const planned = fence === undefined ? unfenced : { ...unfenced, write: { ...unfenced.write, fence } }
  tried.plan = planned
  options.onPlan?.(planned)
  const { verify = 'count', onProgress } = options
  const { pipeline, home } = rules
  const report = await recorded(planned, context, async () => {
    const key = { pipeline, stream: stream.name }
    await supersedeParts(ends.target, key, planned.resume !== undefined, signal)
    tried.wrote = true
    const run = { ...ends, runId, pipeline, home, signal, verify, onProgress, seen: tried.seen }
    if (planned.resume === undefined) return await runStream(planned, run)
    return await runResumable(planned, planned.resume, {
      ...run,
      secondTarget: (work) => pools.useOne('target', signal, work),
    })
  })
  telemetry.add({
    rows_read: report.rows_read,
    rows_masked: report.rows_masked,
    bytes_read: report.bytes_read,
    batches: report.batches,
    rows_sent: report.rows_sent,
    rows_written: report.rows_written,
    rows_rejected: report.rows_rejected,
    bytes_written: report.bytes,
  })
  tellDone(report, context)
  if (report.state !== null && report.state.after !== report.state.before) {
    telemetry.emit('state.saved', { run: runId, stream: stream.name, kept_in: report.state.kept_in })
  }
  return report
}

/** As `moveStream`, by several pairs of sessions; rows and bytes are counted by each of them. */
async function moveDivided(
  stream: PipelineStream,
  context: StreamContext,
  tried: Attempt,
): Promise<StreamOutcome | undefined> {
  try {
    const report = await moveInParts(stream, context, tried, (plan, work) => recorded(plan, context, work))
    if (report !== undefined) tellDone(report, context)
    return report
  } catch (error) {
    // Staging tables ask for more than the stream does: where nobody has asked for them, they are done without.
    const isAsked = stream.partitionBy !== undefined
    if (isAsked || !(error instanceof AirlockError) || error.code !== 'PRIVILEGE_MISSING') throw error
    Object.assign(tried, { wrote: false, settled: false, seen: nothingSeen() })
    return undefined
  }
}

/** Whether a stream may be divided that does not ask for it. */
function mayDivide(stream: PipelineStream, { spare = 1 }: StreamContext): boolean {
  return spare > 1 && stream.undivided !== true && partitionProblem(stream) === undefined
}

/** Does the work between the audit records of its intent and of its outcome. */
async function recorded(
  { stream, write, maskedColumns }: StreamPlan,
  { host, runId }: StreamContext,
  work: () => Promise<StreamOutcome>,
): Promise<StreamOutcome> {
  const intent = { run: runId, stream: stream.name, mode: write.mode, masked: maskedColumns }
  const result = ({ rows_written: rows, bytes, route, policies }: StreamOutcome) => ({ rows, bytes, route, policies })
  return await host.audited('stream.write', intent, work, result)
}

function tellDone(report: StreamOutcome, { host, runId }: StreamContext): void {
  const { telemetry } = host
  telemetry.add({
    streams_completed: 1,
    ...(report.verification.kind === 'none' ? {} : { verifications_passed: 1 }),
  })
  telemetry.addPolicies(report.policies)
  telemetry.emit('stream.completed', { run: runId, stream: report.stream, rows: report.rows_written })
}

/** The report of a stream that an earlier attempt has written, whose answer was lost. */
function committedBefore(stream: PipelineStream, rows: number, { host, runId, options }: StreamContext): StreamOutcome {
  host.telemetry.add({ streams_completed: 1, rows_written: rows })
  host.telemetry.emit('stream.completed', { run: runId, stream: stream.name, rows })
  return {
    ...emptyReport(stream, 'ok', undefined, 0),
    rows_written: rows,
    verification: { kind: options.verify ?? 'count', ok: true },
    notes: ['an earlier attempt had written these rows; what it read is not known'],
  }
}

/** Counts a failed stream and gives its report. */
function reportFailure(
  stream: PipelineStream,
  error: unknown,
  started: number,
  { count, seen }: Attempt,
  context: StreamContext,
): StreamReport {
  const { host, runId } = context
  const known = error instanceof AirlockError ? error : host.masker.error(error)
  host.telemetry.add({
    streams_failed: 1,
    errors: 1,
    ...(known.exitCode === 7 ? { verifications_failed: 1 } : {}),
  })
  host.telemetry.emit('stream.failed', { run: runId, stream: stream.name, code: known.code, ref: known.ref })
  return {
    ...emptyReport(stream, 'failed', known, secondsSince(started)),
    attempts: count,
    // What had come out of the masks when it failed; nothing of it is in the target.
    rows_read: seen.rows,
    rows_masked: seen.rows,
    bytes_read: seen.bytes,
    batches: seen.batches,
  }
}

/** The report of a stream that could not be begun. */
export function reportRefused(stream: PipelineStream, error: AirlockError): StreamReport {
  return emptyReport(stream, 'failed', error, 0)
}

/** The report of a stream whose parent, to which its rows refer, did not arrive. */
export function reportBehind(stream: PipelineStream, parent: string): StreamReport {
  return reportSkipped(stream, `${parent}, which it refers to, is not complete`)
}

/** The report of a stream that was not tried: an abort came before, or a stream before it is not complete. */
export function reportSkipped(stream: PipelineStream, reason?: string): StreamReport {
  return { ...emptyReport(stream, 'skipped', undefined, 0), notes: reason === undefined ? [] : [`skipped: ${reason}`] }
}

function emptyReport(
  stream: PipelineStream,
  status: StreamReport['status'],
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
    rows_rejected: 0,
    changes: null,
    bytes: 0,
    seconds,
    rows_per_second: null,
    masked_columns: Object.keys(stream.mask),
    policies: {},
    verification: { kind: 'none', ok: false },
    checksums: null,
    state: null,
    ranges: null,
    attempts: 0,
    notes: [],
    error: error?.toJSON() ?? null,
  }
}
