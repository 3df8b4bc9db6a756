import type { PipelineStream } from '../../config/pipeline.js'
import { partTable } from '../../core/part-table.js'
import { AirlockError } from '../../errors/index.js'
import type { PartOutcome } from '../jobs/job.js'
import { performCommit, performPart } from '../jobs/perform-parts.js'
import { dropStray } from '../remote/drop-stray.js'
import { partDigest } from '../resume-ledger.js'
import type { Progress, Seen, StreamOutcome } from '../run-stream.js'
import { secondsSince } from '../run-stream.js'
import { planStream, type StreamPlan } from '../stream-plan.js'
import type { Attempt, StreamContext } from '../stream-task.js'
import { mergeReport, type PartCounts } from './merge-report.js'
import { partKey, rangeBetween } from './part-mark.js'
import { dropAbandoned, type PartPlan, planParts } from './plan-parts.js'

/** A stream that is divided, worked out against both ends. */
interface Divided {
  readonly plan: StreamPlan
  readonly parts: PartPlan
  readonly stagingSchema: string | undefined
  /** Whether all ranges can be read in one snapshot. */
  readonly together: boolean
}

/** A range that waits at the target; `counts` where this run has read it. */
interface WaitingRange {
  readonly table: string
  readonly rows: number
  readonly counts?: PartCounts
}

/** Moves a stream with `partition_by`: so many readers at one time as the run has pairs of sessions, each with a writer and
 * a staging table of its own, in one snapshot where the source can; then everything into the real table in one
 * transaction. Ranges that are finished when another fails wait for the next run. Throws AirlockError; the real table is
 * then what it was. */
export async function moveInParts(
  stream: PipelineStream,
  context: StreamContext,
  tried: Attempt,
  intended: (plan: StreamPlan, work: () => Promise<StreamOutcome>) => Promise<StreamOutcome>,
): Promise<StreamOutcome> {
  const { runId, options, rules } = context
  const started = performance.now()
  const divided = await divide(stream, context)
  const { plan, parts } = divided
  tried.plan = plan
  options.onPlan?.(plan)
  return await intended(plan, async () => {
    // Each range, and the commit, has its own retries.
    Object.assign(tried, { wrote: true, settled: true })
    const waiting = await inSnapshot(divided, context, (snapshot) =>
      loadAll(divided, snapshot, context, tried, started),
    )
    const ranges = { total: waiting.length, skipped: parts.finished.size }
    const { verify = 'count', retries = 2 } = options
    const report = await performCommit(
      {
        ...{ stream, verify, retries, pipeline: rules.pipeline },
        parts: waiting.map(({ table, rows }) => ({ table, rows })),
        marks: waiting.map((_, index) => partKey(rules.pipeline, stream.name, index)),
        fence: { holder: `${runId}.${stream.name}`, number: tried.count },
      },
      context,
    )
    const counts = waiting.flatMap((range) => range.counts ?? [])
    const merged = mergeReport(report, counts, ranges, started)
    return { ...merged, notes: [...merged.notes, ...snapshotNotes(divided)] }
  })
}

/** What the rows of several ranges have in common. */
function snapshotNotes({ parts, together }: Divided): readonly string[] {
  const taken = parts.finished.size
  const notes: string[] = []
  if (!together)
    notes.push('each range was read in a snapshot of its own: the source has none in common for several sessions')
  else if (taken === 0) notes.push('all ranges were read in one snapshot')
  if (taken > 0) notes.push(`${taken} ranges are as an interrupted run has read them`)
  return notes
}

async function divide(stream: PipelineStream, { rules, pools, signal }: StreamContext): Promise<Divided> {
  return await pools.use(signal, async ({ source, target }) => {
    const plan = await planStream(stream, source, target, rules, signal)
    const { pipeline, sourceName, fullRefresh } = rules
    const parts = await planParts(plan, {
      ...{ source, target, pipeline, sourceName, ranges: pools.parallel, signal },
      fullRefresh: fullRefresh === true,
    })
    if (typeof parts === 'string') {
      throw new AirlockError('UNSUPPORTED', { phase: 'plan', params: { problem: `partition_by: ${parts}` } })
    }
    await dropAbandoned(parts, target, signal)
    return { plan, parts, stagingSchema: target.stagingSchema, together: source.exportsSnapshots }
  })
}

/** Keeps one session open for the snapshot of the others, as long as `work` takes. */
async function inSnapshot<T>(
  { together }: Divided,
  { pools, signal }: StreamContext,
  work: (snapshot: string | undefined) => Promise<T>,
): Promise<T> {
  if (!together) return await work(undefined)
  return await pools.useOne('source', signal, async (session) => {
    await using held = await session.exportSnapshot(signal)
    return await work(held.id)
  })
}

/** All ranges that are missing, up to `parallel` at one time. After the first that fails for good the others are ended. */
async function loadAll(
  { plan, parts, stagingSchema }: Divided,
  snapshot: string | undefined,
  context: StreamContext,
  tried: Attempt,
  started: number,
): Promise<readonly WaitingRange[]> {
  const { host, runId, signal, options, rules, pools } = context
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
    const attempt = `${runId}.${stream.name}.${tried.count}.${index}`
    return parts.finished.get(index)?.table ?? partTable(stagingSchema, partDigest({ pipeline, stream: attempt }, of))
  })
  const load = (index: number): Promise<PartOutcome> =>
    performPart(
      {
        ...{ stream, pipeline, verify, retries, table: tables[index]! },
        range: rangeBetween(column, bounds, index),
        mark: { of, column, bounds, index },
      },
      limited,
      { snapshot, onTry: (counted) => seen.set(index, counted) },
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
  await Promise.all(Array.from({ length: pools.parallel }, worker))
  if (failure !== undefined) {
    const stray = tables.filter((_, index) => !parts.finished.has(index) && !done.has(index))
    const left = await dropStray((limit, work) => pools.useOne('target', limit, work), pipeline, stray)
    for (const problem of left) host.telemetry.emit('warning.raised', { run: runId, stream: stream.name, problem })
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
