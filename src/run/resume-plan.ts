import type { PipelineStream } from '../config/pipeline.js'
import type { Column } from '../core/batch.js'
import type { SavedState, StateKey } from '../core/driver.js'
import type { KeySplitRequest } from '../core/key-split.js'
import type { ManagedSession } from '../core/managed-session.js'
import type { MaskKey } from '../core/mask-batches.js'
import { partTable } from '../core/part-table.js'
import { AirlockError } from '../errors/index.js'
import {
  type Ledger,
  ledgerKey,
  ledgerStream,
  loadFingerprint,
  parseLedger,
  partDigest,
  rangeCount,
} from './resume-ledger.js'

/** Ledgers that nobody has gone on with for so long are given up, and their tables dropped. */
const KEEP_MS = 7 * 24 * 60 * 60 * 1000

/** Kinds of columns whose values can be divided into ranges. */
export const WHOLE_NUMBERS: readonly string[] = ['int16', 'int32', 'int64', 'uint64']

/** A ledger that nobody will go on with, and the table that goes with it, where that is known. */
export interface Abandoned {
  readonly key: StateKey
  readonly table: string | undefined
}

/** How a resumable stream is loaded. */
export interface ResumePlan {
  readonly key: StateKey
  /** With the ranges that an interrupted run has left; none where the load begins. */
  readonly ledger: Ledger
  /** What is dropped before. */
  readonly abandoned: readonly Abandoned[]
  readonly notes: readonly string[]
}

/** What planning needs beside the stream. */
export interface ResumeContext {
  readonly pipeline: string
  readonly sourceName: string
  readonly source: ManagedSession
  readonly target: ManagedSession
  readonly maskKey: MaskKey | undefined
  readonly fullRefresh: boolean
  /** As they are read, and as they are after masking. */
  readonly columns: readonly Column[]
  readonly masked: readonly Column[]
  readonly signal: AbortSignal
}

/** Works out the ranges of a load, and which of them an interrupted run has left at the target. Changes nothing. Throws
 * CONFIG_INVALID for a stream without a key of one whole number, POLICY_REFUSED where that is masked, UNSUPPORTED where an
 * end cannot do it. */
export async function planResume(stream: PipelineStream, context: ResumeContext): Promise<ResumePlan> {
  const { source, target, signal, pipeline, sourceName, columns, masked, maskKey } = context
  if (!source.splitsKeys || source.capabilities.incremental !== true) {
    throw unsupported(`${source.family} cannot read a table by ranges of its key, which resume needs`)
  }
  if (!target.keepsParts) throw unsupported(`${target.family} cannot keep parts of a load, which resume needs`)
  const column = keyColumn(stream, columns)
  const of = loadFingerprint({ stream, sourceName, columns, masked, key: column, maskKey })
  const key = ledgerKey(pipeline, stream.name)
  const table = partTable(target.stagingSchema, partDigest(key, of))
  const saved = (await target.readState(pipeline, signal)).filter((state) => ledgerStream(state) !== undefined)
  const own = saved.find((state) => state.stream === key.stream)
  const before = own && parseLedger(own, target.stagingSchema)
  const reason = context.fullRefresh ? '--full-refresh' : await reasonToBegin(own, before, { of, table, context })
  const abandoned = saved
    .filter((state) => (state === own ? reason !== undefined : isOld(state)))
    .map((state) => ({ key: state, table: parseLedger(state, target.stagingSchema)?.table }))
  if (before !== undefined && reason === undefined) {
    const notes = [
      `${before.finished.length} of ${rangeCount(before)} ranges of ${column} wait from an interrupted run`,
    ]
    return { key, ledger: before, abandoned, notes }
  }
  const bounds = [...(await source.splitKey(splitRequest(stream, column), signal))]
  const ledger: Ledger = { version: 1, of, table, column, bounds, finished: [], done: false }
  const notes = [`loads ${rangeCount(ledger)} ranges of ${column}; each that is finished outlives an interruption`]
  if (own !== undefined) notes.push(`begins anew: ${reason}`)
  return { key, ledger, abandoned, notes }
}

/** Why what an earlier run has left is of no use; undefined where it is. */
async function reasonToBegin(
  own: SavedState | undefined,
  before: Ledger | undefined,
  load: { readonly of: string; readonly table: string; readonly context: ResumeContext },
): Promise<string | undefined> {
  const { target, masked, signal } = load.context
  if (own === undefined) return 'nothing waits'
  if (before === undefined) return 'what is kept of an interrupted run cannot be read'
  if (before.done) return 'the last run was complete'
  if (before.of !== load.of || before.table !== load.table) {
    return 'the stream is not what it was when it was interrupted'
  }
  if (isOld(own)) return 'the interrupted run is older than 7 days'
  if (before.finished.length === 0) return undefined
  const { targetExists } = await target.outline({ table: load.table, mode: 'append' }, masked, signal)
  return targetExists ? undefined : 'the staging table is gone'
}

/** Whether what it says waits has waited for too long. */
export function isOld({ savedAt }: SavedState): boolean {
  return Date.now() - Date.parse(savedAt) > KEEP_MS
}

function splitRequest({ table, where, resume }: PipelineStream, column: string): KeySplitRequest {
  const ranges = resume?.ranges ?? 1
  return { table: table!, column, kind: 'whole', ranges, ...(where === undefined ? {} : { where }) }
}

/** The source's primary key, or else the one that the stream names. */
export function keyColumn(stream: PipelineStream, columns: readonly Column[]): string {
  const own = columns.filter(({ keyPosition }) => keyPosition > 0)
  const names = own.length === 1 ? [own[0]!.name] : stream.primaryKey
  const column = columns.find(({ name }) => name === names[0])
  if (names.length !== 1 || column === undefined || column.nullable || !WHOLE_NUMBERS.includes(column.type.kind)) {
    const problem = 'it needs a key of one column of whole numbers without NULL, among the columns that are read'
    throw new AirlockError('CONFIG_INVALID', { phase: 'plan', params: { at: `${stream.name}.resume`, problem } })
  }
  if (!Object.hasOwn(stream.mask, column.name)) return column.name
  const problem = `the ranges of ${stream.name} would show values of ${column.name}, which is masked`
  throw new AirlockError('POLICY_REFUSED', { phase: 'plan', params: { problem } })
}

function unsupported(problem: string): AirlockError {
  return new AirlockError('UNSUPPORTED', { phase: 'plan', params: { problem } })
}
