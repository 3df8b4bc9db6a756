import type { Batch, Column, RawRows } from '../../../core/batch.js'

/** Rows as they came off the wire. Cells are unpacked when somebody asks for them, which whoever relays the rows never
 * does. */
export class RawBatch implements Batch {
  readonly columns: readonly Column[]
  readonly rowCount: number
  readonly raw: RawRows
  readonly byteLength: number
  #unpack: (batch: RawBatch) => Batch
  #unpacked: Batch | undefined

  constructor(columns: readonly Column[], rowCount: number, raw: RawRows, unpack: (batch: RawBatch) => Batch) {
    this.columns = columns
    this.rowCount = rowCount
    this.raw = raw
    this.byteLength = raw.pieces.reduce((sum, piece) => sum + piece.length, 0)
    this.#unpack = unpack
  }

  get data(): Uint8Array {
    return this.#cells.data
  }

  get spans(): Uint32Array {
    return this.#cells.spans
  }

  cell(row: number, column: number): Uint8Array | null {
    return this.#cells.cell(row, column)
  }

  objects(): IterableIterator<Record<string, string | Uint8Array | null>> {
    return this.#cells.objects()
  }

  get #cells(): Batch {
    this.#unpacked ??= this.#unpack(this)
    return this.#unpacked
  }
}
