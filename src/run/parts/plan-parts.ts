import type { SavedState, StateKey } from '../../core/driver.js'
import type { KeyKind } from '../../core/key-split.js'
import type { ManagedSession } from '../../core/managed-session.js'
import { claimHolder, isCommitted } from '../../core/write-fence.js'
import { fenceKey } from '../fence-key.js'
import { ledgerStream, loadFingerprint, parseLedger } from '../resume-ledger.js'
import { isOld } from '../resume-plan.js'
import type { StreamPlan } from '../stream-plan.js'
import { endClaims } from './forget-parts.js'
import { isPartOf, type PartMark, parsePartMark } from './part-mark.js'
import { divisibleKey, partitionColumn } from './partition-column.js'

/** Dividing a smaller table costs more than it saves, where nobody has asked for it. */
const LEAST_ROWS = 100_000

/** A load that is divided by ranges of a key. */
export interface PartPlan {
  readonly of: string
  readonly column: string
  readonly kind: KeyKind
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
  /** Estimated rows from which a stream is divided that does not ask for it, and does not say itself from how many (100,000). */
  readonly leastRows?: number
  /** Whether the ranges can be read in one snapshot. */
  readonly together?: boolean
  readonly signal: AbortSignal
}

/** Divides a stream into ranges of its key, or gives the reason why it stays whole. Ranges that an interrupted run has left
 * at the target are taken over where the stream is still the same, and for seven days. Changes nothing but the claims on
 * ranges, which it ends before it looks: what a job of an earlier run still sends is refused. */
export async function planParts(plan: StreamPlan, context: PartContext): Promise<PartPlan | string> {
  const { stream } = plan
  const { source, target, signal, pipeline, sourceName } = context
  const reason = reasonToStayWhole(plan, context)
  if (reason !== undefined) return reason
  const described = await source.describe(plan.request, signal)
  const key =
    stream.partitionBy === undefined
      ? divisibleKey(stream, described.columns)
      : partitionColumn(stream, described.columns, source)
  if (key === undefined) return 'it has no key of one column of whole numbers or uuids that is not masked'
  const { name: column, kind } = key
  if (kind === 'blocks' && !context.together) return 'blocks can be read in one snapshot only'
  const of = loadFingerprint({
    ...{ stream, sourceName, columns: described.columns, masked: plan.columns, key: column },
    maskKey: plan.mask.key,
  })
  const kept = await endClaims(target, { pipeline, stream: stream.name }, signal)
  const saved = kept.filter((state) => isPartOf(state, stream.name))
  const marks = saved.map((state) => parsePartMark(state, target.stagingSchema))
  // Rows may lie elsewhere since an interrupted run has read its blocks.
  const anew = context.fullRefresh || kind === 'blocks' || areDone(kept, saved, marks, stream.name)
  const usable = saved.map((state, at) => (anew || isOld(state) ? undefined : marks[at]))
  const before = takeOver(usable, of, column)
  const { where, table } = stream
  const bounds =
    before ??
    (await source.splitKey(
      {
        ...{ table: table!, column, kind, ranges: stream.partitionBy?.ranges ?? context.ranges },
        ...(where === undefined ? {} : { where }),
      },
      signal,
    ))
  const finished = new Map<number, PartMark>()
  // Of a load that went on by itself, before the stream was divided.
  const abandoned: { key: SavedState; table: string | undefined }[] = kept
    .filter((state) => ledgerStream(state) === stream.name)
    .map((state) => ({ key: state, table: parseLedger(state, target.stagingSchema)?.table }))
  for (const [at, state] of saved.entries()) {
    const mark = usable[at]
    if (before !== undefined && mark !== undefined && isSame(mark, of, column, before)) finished.set(mark.index, mark)
    else abandoned.push({ key: state, table: marks[at]?.table })
  }
  return { of, column, kind, bounds, finished, abandoned }
}

function reasonToStayWhole(
  { stream, incremental, resume, estimatedRows }: StreamPlan,
  { source, target, ranges, leastRows = LEAST_ROWS }: PartContext,
): string | undefined {
  if (ranges < 2) return 'one range was asked for'
  if (stream.table === undefined) return 'it reads a query'
  if (incremental !== undefined || resume !== undefined) return 'it is incremental or resumable'
  if (!source.splitsKeys || source.capabilities.incremental !== true) return 'its source cannot read ranges'
  if (!target.keepsParts || !target.keepsFences) return 'its target cannot keep parts'
  if (stream.partitionBy !== undefined) return undefined
  if (stream.undivided === true) return 'it is not to be divided'
  if ((estimatedRows ?? 0) < (stream.divideFrom ?? leastRows)) return 'it is small'
  return undefined
}

/** Whether these ranges are in the real table already, or may be: a run may have died after its commit, before it forgot
 * them, and another one may have claimed the table since, so that nothing says any more that the first has committed. */
function areDone(
  kept: readonly SavedState[],
  saved: readonly SavedState[],
  marks: readonly (PartMark | undefined)[],
  stream: string,
): boolean {
  const claim = kept.find((state) => state.stream === fenceKey(state.pipeline, stream).stream)
  if (claim === undefined || saved.some(({ savedAt }) => savedAt > claim.savedAt)) return false
  const isOwn = marks.every((mark) => mark?.run === undefined || claimHolder(claim.value).startsWith(`${mark.run}.`))
  return isCommitted(claim.value) || !isOwn
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
