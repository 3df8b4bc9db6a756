import { type Batch, type Column, NULL_CELL, PackedBatch } from '../../../core/batch.js'
import { BATCH_BYTES } from '../../../core/batch-builder.js'
import { AirlockError } from '../../../errors/index.js'

/** The most that one row may have on the wire, in bytes; a row of bytea arrives as twice its size. */
export const MAX_ROW_BYTES = 512 * 1024 * 1024

/** Room behind the limit for the row that fills a batch, and for what one read of the socket adds. */
const SLACK_BYTES = 64 * 1024

/** How many released batches are kept for reuse: what is between the socket and the writer at one time. */
const SPARE_BATCHES = 8

/** The memory that rows are unpacked in: bytes are copied into it as they arrive, once, and cells are spans over that copy,
 * unescaped where they lie. A row that is wider than a batch gets the room that its head announces, and nothing else.
 *
 * The fields are public because the row loops of the decoders are among the hottest code of the project. */
export class RowMemory {
  readonly columns: readonly Column[]
  data: Buffer = Buffer.alloc(0)
  /** Bytes in use. */
  length = 0
  /** Where the first row begins that was not unpacked. */
  parsed = 0
  /** Room for the row that is being unpacked is ensured by `beginRow`. */
  spans: Uint32Array<ArrayBuffer>
  /** Next free index in `spans`. */
  cursor = 0
  rowCount = 0
  readonly #limit: number
  #free: PackedBatch[] = []

  constructor(columns: readonly Column[], limit: number = BATCH_BYTES) {
    this.columns = columns
    this.#limit = limit
    this.spans = new Uint32Array(Math.max(columns.length * 2 * 512, 64))
  }

  /** Whether a batch is complete. */
  get full(): boolean {
    return this.parsed >= this.#limit
  }

  /** Whether `bytes` more fit behind those in use. */
  fits(bytes: number): boolean {
    return this.length + bytes <= this.data.length
  }

  /** Copies `source[start, end)` behind the bytes in use, with room for `missing` more. Throws ROW_TOO_LARGE. */
  append(source: Uint8Array, start: number, end: number, missing: number): void {
    if (missing > MAX_ROW_BYTES) throw new AirlockError('ROW_TOO_LARGE', { phase: 'extract' })
    const needed = this.length + end - start + missing
    if (needed > this.data.length) {
      const usual = this.data.length === 0 ? this.#limit + SLACK_BYTES : 0
      // What arrives behind a wide row must not make it move again.
      const larger = Buffer.allocUnsafeSlow(Math.max(missing > 0 ? needed + SLACK_BYTES : needed, usual))
      this.data.copy(larger, 0, 0, this.length)
      this.data = larger
    }
    this.data.set(source.subarray(start, end), this.length)
    this.length += end - start
  }

  /** Ensures room for the spans of one more row. */
  beginRow(): void {
    if (this.cursor + this.columns.length * 2 <= this.spans.length) return
    const larger = new Uint32Array(this.spans.length * 2)
    larger.set(this.spans.subarray(0, this.cursor))
    this.spans = larger
  }

  put(start: number, end: number): void {
    this.spans[this.cursor++] = start
    this.spans[this.cursor++] = end
  }

  putNull(): void {
    this.spans[this.cursor++] = NULL_CELL
    this.spans[this.cursor++] = NULL_CELL
  }

  /** Hands over the rows that were unpacked. What lies behind them begins the next batch. */
  finish(): Batch {
    const { data, parsed, length, spans, cursor } = this
    const batch = new PackedBatch(
      this.columns,
      this.rowCount,
      data.subarray(0, parsed),
      spans.subarray(0, cursor),
      (released) => this.#keep(released),
    )
    const spare = this.#free.pop()
    this.data = spare === undefined ? Buffer.alloc(0) : Buffer.from(spare.data.buffer)
    this.spans =
      spare === undefined ? new Uint32Array(spans.length) : new Uint32Array(spare.spans.buffer as ArrayBuffer)
    this.length = 0
    this.parsed = 0
    this.cursor = 0
    this.rowCount = 0
    if (length > parsed) this.append(data, parsed, length, 0)
    return batch
  }

  #keep(released: PackedBatch): void {
    // Those of an unusually wide row are not worth keeping.
    const usual = released.data.buffer.byteLength <= this.#limit + SLACK_BYTES
    if (usual && this.#free.length < SPARE_BATCHES) this.#free.push(released)
  }
}
