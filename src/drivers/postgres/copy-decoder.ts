import type { Batch, Column } from '../../core/batch.js'
import { BatchBuilder } from '../../core/batch-builder.js'

const TAB = 0x09
const NEWLINE = 0x0a
const BACKSLASH = 0x5c
const N = 0x4e

/** What stands behind a backslash in COPY text. */
const UNESCAPED = new Uint8Array(256).map((_, byte) => byte)
UNESCAPED[0x62] = 0x08
UNESCAPED[0x66] = 0x0c
UNESCAPED[0x6e] = NEWLINE
UNESCAPED[0x72] = 0x0d
UNESCAPED[0x74] = TAB
UNESCAPED[0x76] = 0x0b

/** Packs the bytes of a `COPY … TO STDOUT` into batches. Chunks may end anywhere; a row that is cut is kept until the rest
 * of it arrives. Cells without escapes are spans over one copy of the chunk. */
export class CopyTextDecoder {
  rowsRead = 0
  #builder: BatchBuilder
  #bytes: readonly boolean[]
  /** The pieces of a row whose end has not arrived. */
  #rest: Uint8Array[] = []
  #emit: (batch: Batch) => void

  constructor(columns: readonly Column[], batchBytes: number | undefined, emit: (batch: Batch) => void) {
    this.#builder = new BatchBuilder(columns, batchBytes)
    this.#bytes = columns.map((column) => column.type.kind === 'bytes')
    this.#emit = emit
  }

  push(chunk: Uint8Array): void {
    // A newline in the stream always ends a row: those of the values are escaped.
    const end = chunk.lastIndexOf(NEWLINE) + 1
    if (end === 0) {
      if (chunk.length > 0) this.#rest.push(chunk)
      return
    }
    const data = this.#rest.length === 0 ? chunk : Buffer.concat([...this.#rest, chunk])
    this.#rows(data, data.length - chunk.length + end)
    this.#rest = end === chunk.length ? [] : [chunk.subarray(end)]
    if (this.#builder.size >= this.#builder.limit) this.flush()
  }

  /** Whether the data ended between two rows. */
  get complete(): boolean {
    return this.#rest.length === 0
  }

  /** Hands over the rows packed so far, or a batch of no rows when `evenIfEmpty`. */
  flush(evenIfEmpty = false): void {
    if (this.#builder.rowCount > 0 || evenIfEmpty) this.#emit(this.#builder.finish())
  }

  #rows(data: Uint8Array, end: number): void {
    const builder = this.#builder
    const base = builder.region(data, 0, end)
    let at = 0
    while (at < end) {
      builder.beginRow()
      for (let column = 0; column < this.#bytes.length; column++) {
        const start = at
        let escaped = false
        let byte = data[at]!
        while (byte !== TAB && byte !== NEWLINE) {
          if (byte === BACKSLASH) {
            escaped = true
            at++
          }
          byte = data[++at]!
        }
        if (!escaped) builder.put(start + base, at + base)
        else if (at - start === 2 && data[start + 1] === N) builder.putNull()
        else if (this.#bytes[column]) this.#hex(data, start, at)
        else this.#unescape(data, start, at)
        at++
      }
      // An empty result row of a table without columns is one newline.
      if (this.#bytes.length === 0) at++
      builder.endRow()
      this.rowsRead++
    }
  }

  #unescape(data: Uint8Array, start: number, end: number): void {
    const tail = this.#builder.convert(end - start)
    const from = this.#builder.tailAt
    let at = from
    for (let i = start; i < end; i++) {
      const byte = data[i]!
      tail[at++] = byte === BACKSLASH ? UNESCAPED[data[++i]!]! : byte
    }
    this.#builder.putConverted(at - from)
  }

  /** bytea arrives as `\\x` and two hex digits a byte. */
  #hex(data: Uint8Array, start: number, end: number): void {
    const length = (end - start - 3) / 2
    const tail = this.#builder.convert(length)
    const from = this.#builder.tailAt
    for (let i = 0; i < length; i++) {
      tail[from + i] = (nibble(data[start + 3 + i * 2]!) << 4) | nibble(data[start + 4 + i * 2]!)
    }
    this.#builder.putConverted(length)
  }
}

function nibble(digit: number): number {
  return digit <= 0x39 ? digit - 0x30 : digit - 0x57
}
