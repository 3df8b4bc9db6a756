import type { LogicalType } from './column-type.js'

/** One column of a batch, a stream or a target table. */
export interface Column {
  readonly name: string
  readonly type: LogicalType
  readonly nullable: boolean
  /** What the source calls the type, e.g. `int(10) unsigned`; for plans and reports. */
  readonly sourceType: string
  /** 1-based position in the primary key, or 0. */
  readonly keyPosition: number
}

/** The span start that marks SQL NULL. */
export const NULL_CELL = 0xffffffff

/** Rows as they came off the wire, in a format that source and target have agreed on: pieces that follow one another. */
export interface RawRows {
  readonly format: string
  readonly pieces: readonly Uint8Array[]
}

/** Rows packed as spans over bytes. `spans` holds `rowCount × columns.length` pairs (start, end) in row order; the bytes
 * `data[start, end)` are the canonical bytes of the cell, and `start = NULL_CELL` is SQL NULL. A batch is never changed
 * after it was handed over. */
export interface Batch {
  readonly columns: readonly Column[]
  readonly rowCount: number
  readonly data: Uint8Array
  readonly spans: Uint32Array
  /** Bytes that the batch holds in memory. */
  readonly byteLength: number
  /** The same rows unparsed, where that was asked for (`ExtractRequest.raw`). Whoever passes these on does not touch
   * `data`, `spans` or cells, which are only unpacked for those who do. */
  readonly raw?: RawRows
  /** A view of one cell's canonical bytes, or null. */
  cell(row: number, column: number): Uint8Array | null
  /** Rows as objects, for people: text for every type but `bytes`. Never on the hot path. */
  objects(): IterableIterator<Record<string, string | Uint8Array | null>>
  /** Hands the memory back to whoever packed the batch, for its next one; the batch may not be used afterwards. Optional:
   * a batch that is merely dropped is collected as garbage. */
  release?(): void
}

/** The one implementation of `Batch`. `bytes` cells of `objects()` are copies, so that they may outlive the batch. */
export class PackedBatch implements Batch {
  readonly columns: readonly Column[]
  readonly rowCount: number
  readonly data: Uint8Array
  readonly spans: Uint32Array
  #recycle: ((batch: PackedBatch) => void) | undefined

  /** `recycle` is told once when the batch is released. */
  constructor(
    columns: readonly Column[],
    rowCount: number,
    data: Uint8Array,
    spans: Uint32Array,
    recycle?: (batch: PackedBatch) => void,
  ) {
    this.columns = columns
    this.rowCount = rowCount
    this.data = data
    this.spans = spans
    this.#recycle = recycle
  }

  release(): void {
    const recycle = this.#recycle
    this.#recycle = undefined
    recycle?.(this)
  }

  get byteLength(): number {
    return this.data.byteLength + this.spans.byteLength
  }

  cell(row: number, column: number): Uint8Array | null {
    const at = (row * this.columns.length + column) * 2
    const start = this.spans[at]
    if (start === undefined || column >= this.columns.length) throw new RangeError('cell outside of the batch')
    return start === NULL_CELL ? null : this.data.subarray(start, this.spans[at + 1])
  }

  *objects(): IterableIterator<Record<string, string | Uint8Array | null>> {
    const decoder = new TextDecoder()
    for (let row = 0; row < this.rowCount; row++) {
      const object: Record<string, string | Uint8Array | null> = {}
      this.columns.forEach((column, index) => {
        const cell = this.cell(row, index)
        const value = cell === null ? null : column.type.kind === 'bytes' ? new Uint8Array(cell) : decoder.decode(cell)
        // A column may be called __proto__: define, never assign.
        Object.defineProperty(object, column.name, { value, enumerable: true, writable: true, configurable: true })
      })
      yield object
    }
  }
}
