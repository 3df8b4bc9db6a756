import { type Batch, type Column, NULL_CELL, PackedBatch } from './batch.js'

/** The default size of a batch in bytes of row data. */
export const BATCH_BYTES = 256 * 1024

/** Room behind the limit for the row that fills a batch. */
const SLACK_BYTES = 64 * 1024

/** How many released batches are kept for reuse: what is between the socket and the writer at one time. */
const SPARE_BATCHES = 8

/** Packs rows into batches of about `limit` bytes. Rows are appended in one of two ways, per cell:
 * - *in place*: `region()` copies a run of source bytes once, and `cell()` takes spans over that copy;
 * - *converted*: `convert()` reserves room in a tail that is joined to the data when the batch is finished.
 * A row that is wider than the limit becomes a batch of its own.
 *
 * The fields are public because an extractor's row loop is the hottest code of the project: it advances `cursor`
 * itself and calls methods per row, not per cell. */
export class BatchBuilder {
  readonly columns: readonly Column[]
  /** Room for the row that is being packed is ensured by `beginRow`. */
  spans: Uint32Array
  /** Next free index in `spans`. */
  cursor = 0
  rowCount = 0
  #limit: number
  #data: Uint8Array
  #length = 0
  #tail: Uint8Array
  #tailLength = 0
  /** Span indexes (of the start) whose offsets count from the tail. */
  #tailSpans: Uint32Array
  #tailSpanCount = 0
  /** Memory of released batches. Buffers are far from the young generation's notice, so that left to the garbage
   * collector they would pile up to several times what is in use. */
  #free: PackedBatch[] = []

  constructor(columns: readonly Column[], limit: number = BATCH_BYTES) {
    this.columns = columns
    this.#limit = limit
    this.#data = new Uint8Array(0)
    this.#tail = new Uint8Array(0)
    this.spans = new Uint32Array(Math.max(columns.length * 2 * 512, 64))
    this.#tailSpans = new Uint32Array(0)
  }

  /** Bytes of row data packed so far. */
  get size(): number {
    return this.#length + this.#tailLength
  }

  /** Bytes of row data at which a batch is complete. */
  get limit(): number {
    return this.#limit
  }

  /** Ensures room for the spans of one more row. */
  beginRow(): void {
    if (this.cursor + this.columns.length * 2 > this.spans.length) {
      const larger = new Uint32Array(this.spans.length * 2)
      larger.set(this.spans.subarray(0, this.cursor))
      this.spans = larger
    }
  }

  /** Copies `source[start, end)` behind the data and returns where it now begins. */
  region(source: Uint8Array, start: number, end: number): number {
    const at = this.#length
    this.#reserveData(end - start)
    this.#data.set(start === 0 && end === source.length ? source : source.subarray(start, end), at)
    this.#length = at + end - start
    return at
  }

  /** Where the next `region()` will begin: lets a row loop write spans before the region is complete. */
  get regionStart(): number {
    return this.#length
  }

  /** Appends NULL. */
  putNull(): void {
    this.spans[this.cursor++] = NULL_CELL
    this.spans[this.cursor++] = NULL_CELL
  }

  /** Appends a span over bytes that a region holds. */
  put(start: number, end: number): void {
    this.spans[this.cursor++] = start
    this.spans[this.cursor++] = end
  }

  /** Reserves `room` bytes in the tail for one converted cell and returns the buffer; write from `tailAt` on, then call
   * `putConverted(length)`. */
  convert(room: number): Uint8Array {
    const needed = this.#tailLength + room
    if (needed > this.#tail.length) {
      const larger = new Uint8Array(Math.max(needed, this.#tail.length * 2, 16 * 1024))
      larger.set(this.#tail.subarray(0, this.#tailLength))
      this.#tail = larger
    }
    return this.#tail
  }

  get tailAt(): number {
    return this.#tailLength
  }

  /** Appends a span over the `length` bytes just written into the tail. */
  putConverted(length: number): void {
    if (this.#tailSpanCount === this.#tailSpans.length) {
      const larger = new Uint32Array(Math.max(1024, this.#tailSpans.length * 2))
      larger.set(this.#tailSpans)
      this.#tailSpans = larger
    }
    this.#tailSpans[this.#tailSpanCount++] = this.cursor
    this.put(this.#tailLength, this.#tailLength + length)
    this.#tailLength += length
  }

  endRow(): void {
    this.rowCount++
  }

  /** Hands over what was packed as a batch and starts the next one. A batch of zero rows is valid: it says which
   * columns an empty result has. */
  finish(): Batch {
    const base = this.#length
    this.region(this.#tail, 0, this.#tailLength)
    const spans = this.spans.subarray(0, this.cursor)
    for (let i = 0; i < this.#tailSpanCount; i++) {
      const at = this.#tailSpans[i]!
      spans[at] = spans[at]! + base
      spans[at + 1] = spans[at + 1]! + base
    }
    const data = this.#data.subarray(0, this.#length)
    const batch = new PackedBatch(this.columns, this.rowCount, data, spans, (released) => this.#keep(released))
    const spare = this.#free.pop()
    this.#data = spare === undefined ? new Uint8Array(0) : new Uint8Array(spare.data.buffer)
    this.spans = spare === undefined ? new Uint32Array(this.spans.length) : new Uint32Array(spare.spans.buffer)
    this.#length = 0
    this.#tailLength = 0
    this.#tailSpanCount = 0
    this.cursor = 0
    this.rowCount = 0
    return batch
  }

  #keep(released: PackedBatch): void {
    // Those of an unusually wide row are not worth keeping.
    const usual = released.data.buffer.byteLength <= this.#limit + SLACK_BYTES
    if (usual && this.#free.length < SPARE_BATCHES) this.#free.push(released)
  }

  #reserveData(room: number): void {
    const needed = this.#length + room
    if (needed <= this.#data.length) return
    // The first allocation fits a whole batch, with slack for the row that fills it.
    const larger = Buffer.allocUnsafeSlow(
      Math.max(needed, this.#data.length === 0 ? this.#limit + SLACK_BYTES : this.#data.length * 2),
    )
    larger.set(this.#data.subarray(0, this.#length))
    this.#data = larger
  }
}
