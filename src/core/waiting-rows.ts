import type { ColumnFate } from './schema-contract.js'

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
