import { type Batch, type Column, NULL_CELL, PackedBatch } from './batch.js'
import type { ColumnFate } from './schema-contract.js'

/** Applies the fates of columns to batches: leaves out columns and rows and puts NULL in place of values. Bytes are not
 * copied; where a batch needs no change it goes through as it is. */
export class ContractFilter {
  /** Columns that are written. */
  readonly columns: readonly Column[]
  /** Rows left out. */
  rejected = 0
  /** Values left out or replaced by NULL. */
  discarded = 0
  #fates: readonly ColumnFate[]
  #kept: readonly number[]
  #idle: boolean

  constructor(columns: readonly Column[], fates: readonly ColumnFate[]) {
    this.#fates = fates
    this.#kept = columns.map((_, index) => index).filter((index) => fates[index]!.action !== 'omit')
    this.columns = this.#kept.map((index) => columns[index]!)
    this.#idle = fates.every(({ action }) => action !== 'omit' && action !== 'test')
  }

  /** The batch as it is written; its memory is handed back through the batch that went in. */
  apply(batch: Batch): Batch {
    if (this.#idle) return batch
    const { data, spans } = batch
    const width = this.#fates.length
    const out = new Uint32Array(batch.rowCount * this.#kept.length * 2)
    let at = 0
    let rows = 0
    for (let row = 0; row < batch.rowCount; row++) {
      const from = row * width * 2
      const begun = at
      const verdict = this.#row(data, spans, from)
      if (verdict < 0) {
        this.rejected++
        continue
      }
      this.discarded += verdict
      for (const column of this.#kept) {
        const start = spans[from + column * 2]!
        const end = spans[from + column * 2 + 1]!
        const misfit = start !== NULL_CELL && !this.#fits(column, data, start, end)
        out[at++] = misfit ? NULL_CELL : start
        out[at++] = misfit ? NULL_CELL : end
      }
      if (at > begun || this.#kept.length === 0) rows++
    }
    return new PackedBatch(this.columns, rows, data, out.subarray(0, at), () => batch.release?.())
  }

  /** How many values of a row are discarded, or -1 where the row is left out. */
  #row(data: Uint8Array, spans: Uint32Array, from: number): number {
    let discarded = 0
    for (let column = 0; column < this.#fates.length; column++) {
      const fate = this.#fates[column]!
      if (fate.action !== 'omit' && fate.action !== 'test') continue
      const start = spans[from + column * 2]!
      const misfit =
        start === NULL_CELL
          ? fate.action === 'test' && fate.notNull
          : fate.action === 'omit' || !fate.test(data, start, spans[from + column * 2 + 1]!)
      if (!misfit) continue
      if (fate.misfit === 'reject') return -1
      discarded++
    }
    return discarded
  }

  #fits(column: number, data: Uint8Array, start: number, end: number): boolean {
    const fate = this.#fates[column]!
    return fate.action !== 'test' || fate.test(data, start, end)
  }
}
