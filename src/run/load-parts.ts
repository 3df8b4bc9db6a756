import type { Batch } from '../core/batch.js'
import type { KeyRange, StateKey, WritePlan, WriteReceipt } from '../core/driver.js'
import type { ManagedSession } from '../core/managed-session.js'
import { maskExtraction } from '../core/mask-batches.js'
import type { WriteFence } from '../core/write-fence.js'
import { AirlockError } from '../errors/index.js'
import { compareCounts, observed, requireChecksums, type StreamOutcome, type StreamRun } from './run-stream.js'
import type { StreamPlan } from './stream-plan.js'

/** What writing parts into the real table needs beside what every stream has. */
export interface PartsRun extends StreamRun {
  /** Lends a second session of the target, which reads what waits while the first writes it. */
  secondTarget<T>(work: (reader: ManagedSession) => Promise<T>): Promise<T>
}

/** What was read of the source. */
export interface Tally {
  rowsRead: number
  rowsMasked: number
  readonly policies: Record<string, number>
}

/** What one part came to. */
export interface LoadedPart {
  readonly rows: number
  readonly bytes: number
}

/** One range of the key, and the staging table that it goes into. */
export interface Part {
  readonly range: KeyRange
  readonly table: string
  /** The column of the range is no key of the rows. */
  readonly isKey?: boolean
  /** What to remember in the transaction of the rows. */
  readonly state?: { readonly key: StateKey; readonly value: (loaded: LoadedPart) => string }
  /** Committed by nobody else. */
  readonly fence?: WriteFence | undefined
}

/** A staging table, and how many rows were put into it. */
export interface WaitingPart {
  readonly table: string
  readonly rows: number
}

/** One range: source → masks → staging table, in one transaction. Throws AirlockError; nothing of it is then there. */
export async function loadPart(plan: StreamPlan, part: Part, run: StreamRun, tally: Tally): Promise<LoadedPart> {
  const { range, table, isKey = true, state, fence } = part
  // What the real table would take unparsed, the staging table may not.
  const { raw: _, ...request } = plan.request
  const extraction = run.source.extract({ ...request, range }, run.signal)
  const masked = maskExtraction(extraction, plan.stream.mask, plan.mask)
  const before = run.seen.bytes
  const loaded = (): LoadedPart => ({ rows: extraction.rowsRead, bytes: run.seen.bytes - before })
  const receipt = await run.target.write(
    {
      table,
      // So that the server can take the rows over by itself.
      like: plan.write.table,
      mode: 'append',
      primaryKey: isKey ? [range.column] : [],
      policies: plan.stream.policies,
      ...(plan.write.checksum === true ? { checksum: true } : {}),
      ...(fence === undefined ? {} : { fence }),
      ...(state === undefined ? {} : { state: { key: state.key, value: () => state.value(loaded()) } }),
      beforeCommit: (counts) => {
        if (run.verify !== 'none') compareCounts(extraction, masked, counts)
        if (run.verify === 'checksum') requireChecksums(counts, run.target)
      },
    },
    observed(masked, run.seen, plan, run.onProgress),
    run.signal,
  )
  tally.rowsRead += extraction.rowsRead
  tally.rowsMasked += masked.rowsMasked
  addCounts(tally.policies, extraction.policyCounts)
  addCounts(tally.policies, receipt.policyCounts)
  return loaded()
}

/** What waits has the types of the target, which may fit the real table less well than those of the source: better known
 * after one range than after all. Throws what planning a write throws. */
export async function checkFit(plan: StreamPlan, table: string, { target, signal }: StreamRun): Promise<void> {
  const { columns } = await target.describe({ table, policies: stagedPolicies(plan, target) }, signal)
  await target.outline(plan.write, columns, signal)
}

/** Everything that waits into the real table, by the stream's mode and in one transaction. Each part must have the rows
 * that were put into it (COUNT_MISMATCH). */
export function writeParts(
  plan: StreamPlan,
  parts: readonly WaitingPart[],
  run: PartsRun,
  further: Pick<WritePlan, 'state'> = {},
): Promise<WriteReceipt> {
  return run.secondTarget(async (reader) => {
    const read: number[] = []
    return await run.target.write(
      {
        ...plan.write,
        ...further,
        waiting: { tables: parts.map(({ table }) => table), onTable: (rows) => void read.push(rows) },
        beforeCommit: (counts) => {
          compareStaged(parts, read, counts.rowsSent)
          if (run.verify === 'checksum') requireChecksums(counts, run.target)
        },
      },
      waiting(plan, parts, read, reader, run.signal),
      run.signal,
    )
  })
}

/** No rows at first, so that nothing is read that the server can move by itself; then those of one table after the other.
 * `read` gets how many each had. */
async function* waiting(
  plan: StreamPlan,
  parts: readonly WaitingPart[],
  read: number[],
  reader: ManagedSession,
  signal: AbortSignal,
): AsyncGenerator<Batch, void, undefined> {
  const policies = stagedPolicies(plan, reader)
  yield* reader.extract({ table: parts[0]!.table, where: '1 = 0', policies }, signal)
  for (const { table } of parts) {
    const staged = reader.extract({ table, policies }, signal)
    yield* staged
    read.push(staged.rowsRead)
  }
}

function compareStaged(parts: readonly WaitingPart[], read: readonly number[], sent: number): void {
  const expected = sum(parts.map(({ rows }) => rows))
  if (parts.every(({ rows }, at) => read[at] === rows) && sent === expected) return
  const problem = `the finished ranges had ${expected} rows, ${sum(read)} wait and ${sent} were sent; \`airlock state reset\` begins anew`
  throw new AirlockError('COUNT_MISMATCH', { phase: 'verify', params: { problem } })
}

/** What types mean in a table that Airlock has created itself, where the same type can also mean another: MySQL's
 * `tinyint(1)` was a boolean, and `binary(16)` a uuid. */
const STAGED_TYPES = { tinyint1: 'boolean', binary16: 'uuid' } as const

function stagedPolicies(plan: StreamPlan, reader: ManagedSession): Readonly<Record<string, string>> {
  const own = Object.entries(STAGED_TYPES).filter(([name]) => Object.hasOwn(reader.policies, name))
  return { ...plan.stream.policies, ...Object.fromEntries(own) }
}

/** What a report says of a stream that came in parts, beside what its receipt says. */
export type PartsFacts = Pick<
  StreamOutcome,
  'rows_read' | 'rows_masked' | 'bytes_read' | 'batches' | 'seconds' | 'policies' | 'verification' | 'ranges' | 'notes'
>

/** The report of a stream whose parts are in the real table. */
export function partsOutcome(plan: StreamPlan, receipt: WriteReceipt, facts: PartsFacts): StreamOutcome {
  const { seconds } = facts
  return {
    stream: plan.stream.name,
    status: 'ok',
    mode: plan.write.mode,
    route: receipt.route,
    rows_sent: receipt.rowsSent,
    rows_confirmed: receipt.rowsConfirmed,
    rows_written: receipt.rowsCounted,
    rows_rejected: receipt.changes?.rejected ?? 0,
    changes: receipt.changes ?? null,
    bytes: receipt.bytesSent,
    rows_per_second: seconds > 0 ? Math.round(receipt.rowsCounted / seconds) : null,
    masked_columns: plan.maskedColumns,
    checksums: receipt.checksums ?? null,
    state: null,
    error: null,
    ...facts,
  }
}

/** Adds counts by name. */
export function addCounts(total: Record<string, number>, counts: Readonly<Record<string, number>>): void {
  for (const [name, count] of Object.entries(counts)) total[name] = (total[name] ?? 0) + count
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0)
}
