import type { Column } from './batch.js'
import { abortError } from './errors-at-boundary.js'
import type { ColumnFate, ContractEngine, ContractTarget } from './schema-contract.js'
import { holds } from './type-fit.js'

/** Rows that wait at the target, in tables that Airlock has made there: a driver that can lets the server move them, and
 * reads no batch but the first. */
export interface WaitingRows {
  readonly tables: readonly string[]
  /** Told of how many rows each of them had, in their order. */
  readonly onTable: (rows: number) => void
}

/** Whether nothing has to look into these rows on their way: no checksum, no key whose NULLs or duplicates count, and no
 * contract that leaves something out. */
export function passUnseen(
  { waiting, checksum }: { readonly waiting?: WaitingRows; readonly checksum?: boolean },
  { key, fates }: { readonly key: readonly string[]; readonly fates: readonly ColumnFate[] },
): boolean {
  return (
    waiting !== undefined && checksum !== true && key.length === 0 && fates.every(({ action }) => action === 'write')
  )
}

/** Whether the values of a column may wait in the type of the one that they are for: only where it holds each of them as it
 * is. What the stream's contract would do with one that does not fit, it could not do any more with what became of it. */
export function mayWaitAs(column: Column, into: ContractTarget, { refusal }: Pick<ContractEngine, 'refusal'>): boolean {
  return into.logical !== undefined && holds(into.logical, column.type) && refusal(column, into) === undefined
}

/** Moves the rows of each table by a statement that gives their number. Resolves with the number of all; throws the abort's
 * error between two tables, since a server may work a statement to its end. */
export async function moveEach(
  { tables, onTable }: WaitingRows,
  signal: AbortSignal,
  move: (table: string) => Promise<number>,
): Promise<number> {
  let total = 0
  for (const table of tables) {
    if (signal.aborted) throw abortError(signal, 'write')
    const rows = await move(table)
    onTable(rows)
    total += rows
  }
  return total
}
