import type { PipelineStream } from '../../config/pipeline.js'
import type { Column } from '../../core/batch.js'
import type { SavedState, StateKey } from '../../core/driver.js'
import type { ManagedSession } from '../../core/managed-session.js'
import { isCommitted } from '../../core/write-fence.js'
import { AirlockError } from '../../errors/index.js'
import { fenceKey } from '../fence-key.js'
import { loadFingerprint } from '../resume-ledger.js'
import { divide, keyColumn } from '../resume-plan.js'
import type { StreamPlan } from '../stream-plan.js'
import { isPartOf, type PartMark, parsePartMark } from './part-mark.js'
import { partitionColumn } from './partition-column.js'

/** Dividing a smaller table costs more than it saves. */
const LEAST_ROWS = 100_000

/** A load that is divided by ranges of a key. */
export interface PartPlan {
  readonly of: string
  readonly column: string
  readonly bounds: readonly string[]
  /** What an interrupted run has left, by index of its range. */
  readonly finished: ReadonlyMap<number, PartMark>
  /** Marks and tables that nobody goes on with. */
  readonly abandoned: readonly { readonly key: StateKey; readonly table: string | undefined }[]
}

/** What dividing needs beside the stream's plan. */
export interface PartContext {
  readonly source: ManagedSession
  readonly target: ManagedSession
  readonly pipeline: string
  readonly sourceName: string
  readonly ranges: number
  readonly fullRefresh: boolean
  readonly signal: AbortSignal
}

/** Divides a stream into ranges of its key, or gives the reason why it stays whole. Changes nothing. Ranges that an
 * interrupted run has left at the target are taken over where the stream is still the same. */
export async function planParts(plan: StreamPlan, context: PartContext): Promise<PartPlan | string> {
  const { stream } = plan
  const { source, target, signal, pipeline, sourceName } = context
  const reason = reasonToStayWhole(plan, context)
  if (reason !== undefined) return reason
  const described = await source.describe(plan.request, signal)
  const column =
    stream.partitionBy === undefined ? keyOf(stream, described.columns) : partitionColumn(stream, described.columns)
  if (column === undefined) return 'it has no key of one column of whole numbers that is not masked'
  const of = loadFingerprint({
    ...{ stream, sourceName, columns: described.columns, masked: plan.columns, key: column },
    maskKey: plan.mask.key,
  })
  const kept = await target.readState(pipeline, signal)
  const saved = kept.filter((state) => isPartOf(state, stream.name))
  const marks = saved.map((state) => parsePartMark(state, target.stagingSchema))
  const before = context.fullRefresh || areDone(kept, saved, stream.name) ? undefined : takeOver(marks, of, column)
  const { where, table } = stream
  const bounds =
    before ??
    divide(
      await source.keyBounds({ table: table!, column, ...(where === undefined ? {} : { where }) }, signal),
      stream.partitionBy?.ranges ?? context.ranges,
    )
  const finished = new Map<number, PartMark>()
  const abandoned: { key: SavedState; table: string | undefined }[] = []
  for (const [at, state] of saved.entries()) {
    const mark = marks[at]
    if (before !== undefined && mark !== undefined && isSame(mark, of, column, before)) finished.set(mark.index, mark)
    else abandoned.push({ key: state, table: mark?.table })
  }
  return { of, column, bounds, finished, abandoned }
}

function keyOf(stream: PipelineStream, columns: readonly Column[]): string | undefined {
  try {
    return keyColumn(stream, columns)
  } catch (error) {
    if (error instanceof AirlockError) return undefined
    throw error
  }
}

function reasonToStayWhole(
  { stream, incremental, resume, estimatedRows }: StreamPlan,
  { source, target, ranges }: PartContext,
): string | undefined {
  if (ranges < 2) return 'one range was asked for'
  if (stream.table === undefined) return 'it reads a query'
  if (incremental !== undefined || resume !== undefined) return 'it is incremental or resumable'
  if (!source.knowsKeyBounds || source.capabilities.incremental !== true) return 'its source cannot read ranges'
  if (!target.keepsParts || !target.keepsFences) return 'its target cannot keep parts'
  if (stream.partitionBy === undefined && (estimatedRows ?? 0) < LEAST_ROWS) return 'it is small'
  return undefined
}

/** Whether these ranges are in the real table already: a run may have died after its commit, before it forgot them. */
function areDone(kept: readonly SavedState[], marks: readonly SavedState[], stream: string): boolean {
  const claim = kept.find((state) => state.stream === fenceKey(state.pipeline, stream).stream)
  if (claim === undefined || !isCommitted(claim.value)) return false
  return marks.every(({ savedAt }) => savedAt <= claim.savedAt)
}

/** The bounds that the marks of an interrupted run agree on. */
function takeOver(marks: readonly (PartMark | undefined)[], of: string, column: string): readonly string[] | undefined {
  const first = marks.find((mark) => mark?.of === of && mark.column === column)
  return first?.bounds
}

function isSame(mark: PartMark, of: string, column: string, bounds: readonly string[]): boolean {
  return mark.of === of && mark.column === column && JSON.stringify(mark.bounds) === JSON.stringify(bounds)
}

/** Forgets what an earlier run has left, and nobody goes on with. */
export async function dropAbandoned(
  { abandoned }: PartPlan,
  target: ManagedSession,
  signal: AbortSignal,
): Promise<void> {
  for (const { key, table } of abandoned) {
    if (table !== undefined) await target.dropStaging(table, signal)
    await target.resetState(key, signal)
  }
}
