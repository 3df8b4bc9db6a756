import { withRetries } from '../../core/retry.js'
import { AirlockError } from '../../errors/index.js'
import { fenceKey } from '../fence-key.js'
import { checkFit, loadPart, type Part, type PartsRun, partsOutcome, type Tally, writeParts } from '../load-parts.js'
import { type PartMark, partKey } from '../parts/part-mark.js'
import type { StreamReport } from '../report.js'
import { type Seen, secondsSince } from '../run-stream.js'
import type { Ends } from '../session-pools.js'
import { planStream, type StreamPlan } from '../stream-plan.js'
import type { StreamContext } from '../stream-task.js'
import { type CommittedRange, committedRange } from './committed-range.js'
import type { CommitJob, PartJob, PartOutcome } from './job.js'
import { TRIES_LIMIT } from './perform-streams.js'

/** What a part is, wherever it is performed. */
export type PartTask = Pick<
  PartJob,
  'stream' | 'pipeline' | 'verify' | 'retries' | 'range' | 'table' | 'mark' | 'fence'
>

/** What a commit is, wherever it is performed. */
export type CommitTask = Pick<CommitJob, 'stream' | 'pipeline' | 'verify' | 'retries' | 'parts' | 'marks' | 'fence'>

/** Lends what a try works with. */
export type Lend<R = Ends> = <T>(signal: AbortSignal, work: (lent: R) => Promise<T>) => Promise<T>

/** What a part has in common with others that are read at the same time. */
export interface PartSharing {
  /** Lends the sessions that read in one snapshot; any of the run's where it is not given. */
  readonly lend?: Lend
  /** Told of what each try counts up. */
  readonly onTry?: (seen: Seen) => void
}

/** Loads one range of a stream into the staging table of this attempt. Tells no events of the stream: those are the
 * host's, who alone sees all of its parts. Where another attempt has brought the range, it is that one's. Throws
 * AirlockError; nothing is then in the table. */
export async function performPart(
  job: PartTask,
  context: StreamContext,
  { lend = (signal, work) => context.pools.use(signal, work), onTry }: PartSharing = {},
): Promise<PartOutcome> {
  const started = performance.now()
  return await repeated(job, { unknownToo: false, lend }, context, async (ends) => {
    const { stream, run } = partsOf(job, ends, context)
    onTry?.(run.seen)
    const already = await committedRange(job, ends.target, context.signal)
    if (already !== undefined) return broughtBy(already, started)
    const plan = await planStream(stream, ends.source, ends.target, context.rules, context.signal)
    const tally: Tally = { rowsRead: 0, rowsMasked: 0, policies: {} }
    const keys = plan.columns.filter(({ keyPosition }) => keyPosition > 0)
    // What only the stream calls its key may have one value twice.
    const isKey = keys.length === 1 && keys[0]!.name === job.range.column
    const part: Part = {
      range: job.range,
      table: job.table,
      isKey,
      state: markOf(job, context.runId),
      fence: job.fence,
    }
    const loaded = await loadPart(plan, part, run, tally).catch(async (error: unknown) => {
      if (!(error instanceof AirlockError) || error.code !== 'FENCED') throw error
      const winner = await committedRange(job, ends.target, context.signal)
      if (winner === undefined) throw error
      return winner
    })
    if ('table' in loaded) return broughtBy(loaded, started)
    const { rows, bytes } = loaded
    context.host.telemetry.add({
      rows_read: tally.rowsRead,
      rows_masked: tally.rowsMasked,
      bytes_read: bytes,
      batches: run.seen.batches,
    })
    return { table: job.table, rows, bytes, policies: tally.policies, seconds: secondsSince(started) }
  })
}

/** The outcome of a part whose range another attempt has brought, which alone knows its bytes. */
function broughtBy({ table, rows }: CommittedRange, started: number): PartOutcome {
  return { table, rows, bytes: 0, policies: {}, seconds: secondsSince(started) }
}

/** What says that this range is at the target, for a run that goes on where this one stopped. */
function markOf({ pipeline, stream, mark, table }: PartTask, run: string): NonNullable<Part['state']> {
  return {
    key: partKey(pipeline, stream.name, mark.index),
    value: ({ rows }) => JSON.stringify({ version: 1, ...mark, table, rows, run } satisfies PartMark),
  }
}

/** Takes the parts of a stream into its table, in one write that only the last attempt may commit, and drops them. Throws
 * AirlockError; the target is then what it was. */
export async function performCommit(job: CommitTask, context: StreamContext): Promise<StreamReport> {
  const started = performance.now()
  let attempts = 0
  // A claim that is repeated finds out what became of a commit without an answer.
  const lend: Lend = (signal, work) => context.pools.use(signal, work)
  return await repeated(job, { unknownToo: true, lend }, context, async (ends) => {
    attempts++
    const { stream, run } = partsOf(job, ends, context)
    const total = job.parts.reduce((sum, { rows }) => sum + rows, 0)
    const { holder, number } = job.fence
    const fence = { key: fenceKey(job.pipeline, stream.name), holder, number: number * TRIES_LIMIT + attempts }
    const committed = await ends.target.claimWrite(fence, context.signal)
    const planned = await planStream(stream, ends.source, ends.target, context.rules, context.signal)
    const plan = { ...planned, write: { ...planned.write, ...keyOf(planned), fence } }
    if (committed === undefined) await checkFit(plan, job.parts[0]!.table, run)
    const receipt = committed === undefined ? await writeParts(plan, job.parts, run) : undefined
    const left = await dropParts(job, run)
    const facts = {
      rows_read: total,
      rows_masked: total,
      bytes_read: 0,
      batches: 0,
      seconds: secondsSince(started),
      policies: receipt?.policyCounts ?? {},
      verification: { kind: run.verify, ok: true },
      ranges: { total: job.parts.length, skipped: 0 },
      notes: [...plan.notes, ...left],
    }
    if (receipt === undefined) {
      const rows = committed?.rows ?? 0
      const before = { rowsSent: rows, rowsConfirmed: rows, rowsCounted: rows, bytesSent: 0, created: false }
      const notes = [...facts.notes, 'an earlier attempt had written these rows']
      const outcome = partsOutcome(plan, { ...before, route: 'staged', policyCounts: {} }, { ...facts, notes })
      return { ...outcome, attempts }
    }
    context.host.telemetry.add({
      rows_sent: receipt.rowsSent,
      rows_written: receipt.rowsCounted,
      rows_rejected: receipt.changes?.rejected ?? 0,
      bytes_written: receipt.bytesSent,
    })
    return { ...partsOutcome(plan, receipt, facts), attempts }
  })
}

/** The key that the source has: what waits may have none. */
function keyOf({ write, columns }: StreamPlan): { readonly primaryKey?: readonly string[] } {
  const key = columns.filter(({ keyPosition }) => keyPosition > 0)
  if (write.primaryKey !== undefined || key.length === 0) return {}
  return { primaryKey: key.sort((a, b) => a.keyPosition - b.keyPosition).map(({ name }) => name) }
}

/** The stream without what divides it, and what runs it. */
function partsOf(job: PartTask | CommitTask, ends: Ends, context: StreamContext) {
  const { resume: _, partitionBy: __, ...stream } = job.stream
  const seen: Seen = { rows: 0, bytes: 0, batches: 0 }
  const { signal, runId, options, pools, rules } = context
  const run: PartsRun = {
    ...ends,
    runId,
    signal,
    seen,
    pipeline: rules.pipeline,
    home: rules.home,
    verify: job.verify,
    onProgress: options.onProgress,
    secondTarget: (work) => pools.useOne('target', signal, work),
  }
  return { stream, run }
}

/** Tries again after an error that is worth it. An append to a staging table after a lost answer is not: the rows may be
 * there, and only another attempt at the whole stream, or another sandbox, has another table. */
export async function repeated<T, R = Ends>(
  job: PartTask | CommitTask,
  { unknownToo, lend }: { readonly unknownToo: boolean; readonly lend: Lend<R> },
  { host, signal, pools, runId }: StreamContext,
  work: (lent: R) => Promise<T>,
): Promise<T> {
  return await withRetries(
    async (attempt) => {
      if (attempt > 1) await pools.renew()
      return await lend(signal, work)
    },
    {
      retries: job.retries,
      signal,
      mayRepeat: ({ code, retryable }) => retryable || (code === 'OUTCOME_UNKNOWN' && unknownToo),
      onRetry: ({ code, ref }, attempt, waitMs) => {
        host.telemetry.add({ retries: 1 })
        const { name: stream } = job.stream
        host.telemetry.emit('attempt.retried', { run: runId, stream, attempt, code, ref, wait_ms: waitMs })
      },
    },
  )
}

/** The rows are committed: a table that stays is a note, and left to whoever clears up. */
async function dropParts(job: CommitTask, { target, signal }: PartsRun): Promise<readonly string[]> {
  try {
    for (const { table } of job.parts) await target.dropStaging(table, signal)
    for (const key of job.marks) await target.resetState(key, signal)
    return []
  } catch (error) {
    if (!(error instanceof AirlockError)) throw error
    return [`staging tables are left to the next run (${error.code})`]
  }
}
