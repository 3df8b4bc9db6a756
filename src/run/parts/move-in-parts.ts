import type { PipelineStream } from '../../config/pipeline.js'
import type { ManagedSession } from '../../core/managed-session.js'
import { partTable } from '../../core/part-table.js'
import { AirlockError } from '../../errors/index.js'
import type { PartOutcome } from '../jobs/job.js'
import { performCommit } from '../jobs/perform-parts.js'
import { dropStray } from '../remote/drop-stray.js'
import type { StreamReport } from '../report.js'
import { partDigest } from '../resume-ledger.js'
import type { Progress, Seen, StreamOutcome } from '../run-stream.js'
import { secondsSince } from '../run-stream.js'
import { planStream, type StreamPlan } from '../stream-plan.js'
import type { Attempt, StreamContext } from '../stream-task.js'
import { mergeReport, type PartCounts } from './merge-report.js'
import { partKey, rangeBetween } from './part-mark.js'
import { dropAbandoned, type PartPlan, planParts } from './plan-parts.js'
import { openReaders, type Readers, apart as readApart } from './readers.js'

/** A stream that is divided, worked out against both ends. */
interface Divided {
  readonly plan: StreamPlan
  readonly parts: PartPlan
  readonly stagingSchema: string | undefined
  /** How all ranges can be read in one snapshot, if they can. */
  readonly snapshots: ManagedSession['snapshots']
  /** Finished ranges wait for the next run: who has not asked for ranges has not asked for those of an earlier run, and
   * blocks are of no use to it. */
  readonly isKept: boolean
}

/** A range that waits at the target; `counts` where this run has read it. */
interface WaitingRange {
  readonly table: string
  readonly rows: number
  readonly counts?: PartCounts
}

/** From so many rows on a stream is divided by itself: below, the second write and the sessions cost more than the reading
 * of the others saves, even where each connection is slow (measured: 60,000 rows gain seconds, and lose tenths). */
const ROWS_TO_DIVIDE = 1_000_000

/** Moves a stream in ranges: so many readers at one time as there are pairs of sessions, each with a writer and a staging
 * table of its own, in one snapshot where the source can; then everything into the real table in one transaction. Ranges
 * that are finished when another fails wait for the next run. A stream without `partition_by` is divided by its key into
 * `spare` ranges, if it is big and has one snapshot, and leaves nothing where it fails; undefined where it is to be moved
 * whole. `apart` says why there is no snapshot, where that is known. Throws AirlockError; the real table is then what it
 * was. */
export async function moveInParts(
  stream: PipelineStream,
  context: StreamContext,
  tried: Attempt,
  intended: (plan: StreamPlan, work: () => Promise<StreamOutcome>) => Promise<StreamOutcome>,
  apart?: string,
): Promise<StreamOutcome | undefined> {
  const { options, pools } = context
  const started = performance.now()
  const divided = await divide(stream, context)
  if (divided === undefined) return undefined
  const { plan, parts } = divided
  const missing = parts.bounds.length + 1 - parts.finished.size
  const wanted = { kind: divided.snapshots, stream, most: Math.max(1, missing) }
  await using readers =
    apart === undefined ? await (context.readers ?? openReaders)(wanted, context) : readApart(pools, apart)
  if (readers.apart !== undefined && stream.partitionBy === undefined) return undefined
  if (readers.apart !== undefined && parts.kind === 'blocks') throw notDivided(readers.apart)
  tried.plan = plan
  options.onPlan?.(plan)
  let isLoaded = false
  try {
    return await intended(plan, async () => {
      // Each range, and the commit, has its own retries.
      Object.assign(tried, { wrote: true, settled: true })
      const waiting = await loadAll(divided, readers, context, tried, started)
      isLoaded = true
      await readers[Symbol.asyncDispose]()
      const report = await commitAll(divided, waiting, context, tried)
      const ranges = { total: waiting.length, skipped: parts.finished.size }
      const counts = waiting.flatMap((range) => range.counts ?? [])
      const merged = mergeReport(report, counts, ranges, started)
      return { ...merged, notes: [...merged.notes, ...divisionNotes(divided, readers)] }
    })
  } catch (error) {
    const { elsewhere } = readers
    if (isLoaded || elsewhere === undefined) throw error
    await readers[Symbol.asyncDispose]()
    Object.assign(tried, { wrote: false, settled: false, seen: sumOf([]) })
    if (stream.partitionBy === undefined) return undefined
    return await moveInParts(stream, context, tried, intended, elsewhere)
  }
}

/** Everything that waits into the real table. */
async function commitAll(
  { plan: { stream }, isKept }: Divided,
  waiting: readonly WaitingRange[],
  context: StreamContext,
  tried: Attempt,
): Promise<StreamReport> {
  const { runId, options, rules } = context
  const { pipeline } = rules
  const { verify = 'count', retries = 2 } = options
  try {
    return await performCommit(
      {
        ...{ stream, verify, retries, pipeline },
        parts: waiting.map(({ table, rows }) => ({ table, rows })),
        marks: waiting.map((_, index) => partKey(pipeline, stream.name, index)),
        fence: { holder: `${runId}.${stream.name}`, number: tried.count },
      },
      context,
    )
  } catch (error) {
    const tables = waiting.map(({ table }) => table)
    if (!isKept) await clearUp(stream, tables, 'go', context)
    throw error
  }
}

/** Drops what nobody will take over; what cannot be dropped is a warning, beside the failure that led here. */
async function clearUp(
  stream: PipelineStream,
  tables: readonly string[],
  named: 'stay' | 'go',
  { host, runId, rules, pools }: StreamContext,
): Promise<void> {
  const useTarget: Parameters<typeof dropStray>[0] = (limit, work) => pools.useOne('target', limit, work)
  for (const problem of await dropStray(useTarget, rules.pipeline, tables, named)) {
    host.telemetry.emit('warning.raised', { run: runId, stream: stream.name, problem })
  }
}

/** Why there are ranges, and what the rows of several have in common. */
function divisionNotes({ plan, parts }: Divided, { apart, count }: Readers): readonly string[] {
  const notes: string[] = []
  if (plan.stream.partitionBy === undefined) {
    const ranges = parts.bounds.length + 1
    const sessions = Math.min(count, ranges)
    notes.push(
      `read in ${ranges} ranges of ${parts.column} by ${sessions} sessions, which were idle; partition_by: false keeps it whole`,
    )
  }
  if (apart !== undefined) notes.push(`each range was read in a snapshot of its own: ${apart}`)
  else if (parts.finished.size === 0) notes.push('all ranges were read in one snapshot')
  return notes
}

/** Undefined where a stream stays whole that does not ask to be divided. */
async function divide(stream: PipelineStream, context: StreamContext): Promise<Divided | undefined> {
  const { rules, pools, signal, spare = 1 } = context
  const isAsked = stream.partitionBy !== undefined
  return await pools.use(signal, async ({ source, target }) => {
    const plan = await planStream(stream, source, target, rules, signal)
    const { pipeline, sourceName, fullRefresh } = rules
    const { snapshots } = source
    const together = snapshots !== undefined
    if (!isAsked && !together) return undefined
    const parts = await planParts(plan, {
      ...{ source, target, pipeline, sourceName, signal, together },
      ranges: isAsked ? pools.parallel : spare,
      leastRows: ROWS_TO_DIVIDE,
      fullRefresh: fullRefresh === true || !isAsked,
    })
    if (typeof parts === 'string') {
      if (isAsked) throw notDivided(parts)
      return undefined
    }
    await dropAbandoned(parts, target, signal)
    const isKept = isAsked && parts.kind !== 'blocks'
    return { plan, parts, stagingSchema: target.stagingSchema, snapshots, isKept }
  })
}

function notDivided(problem: string): AirlockError {
  return new AirlockError('UNSUPPORTED', { phase: 'plan', params: { problem: `partition_by: ${problem}` } })
}

/** All ranges that are missing, up to `parallel` at one time. After the first that fails for good the others are ended. */
async function loadAll(
  { plan, parts, stagingSchema, isKept }: Divided,
  readers: Readers,
  context: StreamContext,
  tried: Attempt,
  started: number,
): Promise<readonly WaitingRange[]> {
  const { runId, signal, options, rules } = context
  const { pipeline } = rules
  const { stream } = plan
  const { of, column, bounds } = parts
  const { verify = 'count', retries = 2, onProgress } = options
  const stop = new AbortController()
  const seen = new Map<number, Seen>()
  const told = (progress: Progress) => {
    Object.assign(tried.seen, sumOf([...seen.values()]))
    const { rows, bytes } = tried.seen
    onProgress?.({ ...progress, rows, bytes, seconds: secondsSince(started) })
  }
  const limited: StreamContext = {
    ...context,
    signal: AbortSignal.any([signal, stop.signal]),
    options: { ...options, onProgress: told },
  }
  const tables = Array.from({ length: bounds.length + 1 }, (_, index) => {
    // A second load of one attempt has tables of its own too.
    const attempt = `${runId}.${stream.name}.${tried.count}.${index}${readers.apart === undefined ? '' : '.apart'}`
    return parts.finished.get(index)?.table ?? partTable(stagingSchema, partDigest({ pipeline, stream: attempt }, of))
  })
  const load = (index: number): Promise<PartOutcome> =>
    readers.load(
      {
        ...{ stream, pipeline, verify, retries, table: tables[index]! },
        range: rangeBetween(column, bounds, index),
        mark: { of, column, bounds, index },
      },
      limited,
      (counted) => seen.set(index, counted),
    )
  const done = new Map<number, PartOutcome>()
  let failure: { readonly error: unknown } | undefined
  const missing = [...tables.keys()].filter((index) => !parts.finished.has(index)).values()
  const worker = async (): Promise<void> => {
    for (const index of missing) {
      if (failure !== undefined) return
      try {
        done.set(index, await load(index))
      } catch (error) {
        failure ??= { error }
        stop.abort()
      }
    }
  }
  await Promise.all(Array.from({ length: readers.count }, worker))
  if (failure !== undefined) {
    // What is left to read can be had in a new snapshot only, which is another attempt's.
    if (readers.isOver === true) tried.settled = false
    const stray = tables.filter((_, index) => !parts.finished.has(index) && !done.has(index))
    await (isKept ? clearUp(stream, stray, 'stay', context) : clearUp(stream, tables, 'go', context))
    throw failure.error
  }
  return tables.map((table, index) => {
    const loaded = done.get(index)
    if (loaded === undefined) return { table, rows: parts.finished.get(index)!.rows }
    const { rows, bytes, policies } = loaded
    return { table, rows, counts: { rows, bytes, policies, batches: seen.get(index)!.batches } }
  })
}

function sumOf(parts: readonly Seen[]): Seen {
  const sum = (value: (seen: Seen) => number) => parts.reduce((total, part) => total + value(part), 0)
  return { rows: sum(({ rows }) => rows), bytes: sum(({ bytes }) => bytes), batches: sum(({ batches }) => batches) }
}
