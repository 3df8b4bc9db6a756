import { AirlockError } from '../../../errors/index.js'

/** Takes whole records from bytes. */
export interface RecordParser {
  /** Works through data[from, end) and gives where the first incomplete record begins, or `end`. May change the data behind
   * the records that it has taken. `final`: nothing follows. */
  parse(data: Uint8Array, from: number, end: number, final: boolean): number
}

/** Cuts chunks of any size into pieces that begin with a record. What is left of a chunk is kept until more arrives; a record
 * that spans many chunks is looked at again only when there is twice as much of it, so that the work stays linear. */
export class RecordFeed {
  #parser: RecordParser
  #maxRow: number
  #rest: Uint8Array = new Uint8Array(0)
  #length = 0
  /** How many bytes of an incomplete record are worth another look. */
  #enough = 0

  constructor(parser: RecordParser, maxRowBytes: number) {
    this.#parser = parser
    this.#maxRow = maxRowBytes
  }

  /** Throws ROW_TOO_LARGE and what the parser throws. */
  push(chunk: Uint8Array): void {
    if (this.#length === 0) {
      const done = this.#parser.parse(chunk, 0, chunk.length, false)
      this.#keep(chunk, done, chunk.length)
      return
    }
    this.#append(chunk)
    if (this.#length < this.#enough) return
    const rest = this.#rest
    const done = this.#parser.parse(rest, 0, this.#length, false)
    this.#keep(rest, done, this.#length)
  }

  /** Nothing more will come. */
  end(): void {
    const done = this.#parser.parse(this.#rest, 0, this.#length, true)
    if (done !== this.#length) throw new AirlockError('PROTOCOL_ERROR', { phase: 'extract' })
    this.#length = 0
  }

  #keep(data: Uint8Array, from: number, end: number): void {
    const left = end - from
    if (left > this.#maxRow) throw new AirlockError('ROW_TOO_LARGE', { phase: 'extract' })
    if (data !== this.#rest) {
      if (left > this.#rest.length) this.#rest = Buffer.allocUnsafeSlow(Math.max(left * 2, 64 * 1024))
      this.#rest.set(data.subarray(from, end))
    } else if (from > 0) {
      this.#rest.copyWithin(0, from, end)
    }
    this.#length = left
    this.#enough = Math.min(left * 2, this.#maxRow + 1)
  }

  #append(chunk: Uint8Array): void {
    const needed = this.#length + chunk.length
    if (needed > this.#rest.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.#rest.length * 2))
      larger.set(this.#rest.subarray(0, this.#length))
      this.#rest = larger
    }
    this.#rest.set(chunk, this.#length)
    this.#length = needed
  }
}
