/** Bytes that a message may have which is not a row. */
const MAX_OTHER_BYTES = 1024 * 1024

const HEAD_BYTES = 5
const NOTHING: Buffer = Buffer.alloc(0)

/** What a run of row messages is given to. */
export interface RowMessages {
  /** `chunk[start, end)` belongs to row messages, heads included; a head is never cut. `complete` messages ended in it,
   * the last of them at `boundary` with `lastLength` in its head; `missing` bytes of the message behind that one are still
   * to come. */
  rows(
    chunk: Uint8Array,
    start: number,
    end: number,
    ended: {
      readonly complete: number
      readonly boundary: number
      readonly lastLength: number
      readonly missing: number
    },
  ): void
  /** A whole message of another kind. False: the rows are over, and what follows is no longer split. */
  other(message: Buffer): boolean
  /** What follows a message after which the rows are over. */
  rest(bytes: Buffer): void
}

/** Splits what a server sends into runs of row messages and everything else, without copying the rows. A message is a
 * letter, four bytes of length that count themselves, and a body; see
 * https://www.postgresql.org/docs/17/protocol-message-formats.html */
export class MessageSplitter {
  #letter: number
  #to: RowMessages
  /** Bytes of a row message that have not arrived. */
  #missing = 0
  #lastLength = 0
  /** The beginning of a message that is not a row, or of a head. */
  #pending: Buffer = NOTHING

  /** `letter` is that of the row messages: `d` for COPY, `D` for a query. */
  constructor(letter: 'd' | 'D', to: RowMessages) {
    this.#letter = letter.charCodeAt(0)
    this.#to = to
  }

  /** Takes the next bytes of the connection. False: they cannot be messages. */
  push(bytes: Buffer): boolean {
    const chunk = this.#pending.length === 0 ? bytes : Buffer.concat([this.#pending, bytes])
    this.#pending = NOTHING
    let at = 0
    while (at < chunk.length) {
      at = this.#rows(chunk, at)
      if (at < 0) return false
      if (chunk.length - at < HEAD_BYTES) {
        this.#pending = chunk.subarray(at)
        return true
      }
      if (chunk[at] === this.#letter) continue
      const length = chunk.readUInt32BE(at + 1)
      const next = at + 1 + length
      if (length < 4 || length > MAX_OTHER_BYTES) return false
      if (next > chunk.length) {
        this.#pending = chunk.subarray(at)
        return true
      }
      if (!this.#to.other(chunk.subarray(at, next))) {
        this.#to.rest(chunk.subarray(next))
        return true
      }
      at = next
    }
    return true
  }

  /** Hands over the rows that begin at `start`; returns where they end, or -1 for a length that cannot be. */
  #rows(chunk: Buffer, start: number): number {
    const letter = this.#letter
    const size = chunk.length
    let at = start
    let complete = 0
    let boundary = start
    if (this.#missing > 0) {
      const taken = Math.min(this.#missing, size - at)
      this.#missing -= taken
      at += taken
      if (this.#missing === 0) {
        complete = 1
        boundary = at
      }
    }
    while (at + HEAD_BYTES <= size && chunk[at] === letter) {
      const length = ((chunk[at + 1]! << 24) | (chunk[at + 2]! << 16) | (chunk[at + 3]! << 8) | chunk[at + 4]!) >>> 0
      if (length < 4) return -1
      this.#lastLength = length
      at += length + 1
      if (at > size) {
        this.#missing = at - size
        at = size
        break
      }
      complete++
      boundary = at
    }
    if (at > start) {
      const ended = { complete, boundary, lastLength: this.#lastLength, missing: this.#missing }
      this.#to.rows(chunk, start, at, ended)
    }
    return at
  }
}
