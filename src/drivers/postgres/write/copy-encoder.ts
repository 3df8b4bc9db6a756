import { type Batch, type Column, NULL_CELL } from '../../../core/batch.js'
import { AirlockError } from '../../../errors/index.js'
import { FRAME_HEAD } from './copy-in.js'
import type { PostgresPolicies } from './policies.js'

/** Size of a frame. Below 64 KiB the socket is called too often; above, nothing is gained. */
const FRAME_BYTES = 64 * 1024

const TAB = 0x09
const NEWLINE = 0x0a
const BACKSLASH = 0x5c
const N = 0x4e
const X = 0x78

/** What a byte becomes behind a backslash in COPY text; 0 for bytes that stand for themselves, 1 for NUL.
 * https://www.postgresql.org/docs/17/sql-copy.html#SQL-COPY-FILE-FORMATS */
const ESCAPES = new Uint8Array(256)
ESCAPES[0x00] = 1
ESCAPES[0x08] = 0x62
ESCAPES[TAB] = 0x74
ESCAPES[NEWLINE] = 0x6e
ESCAPES[0x0b] = 0x76
ESCAPES[0x0c] = 0x66
ESCAPES[0x0d] = 0x72
ESCAPES[BACKSLASH] = BACKSLASH

/** The two hexadecimal digits of a byte as they lie in memory, read as a little-endian number. */
const HEX = Uint16Array.from({ length: 256 }, (_, byte) => {
  const digits = byte.toString(16).padStart(2, '0')
  return digits.charCodeAt(0) | (digits.charCodeAt(1) << 8)
})

/** How the cells of a column are written. */
const TEXT = 0
const BYTES = 1
const JSONB = 2

/** What fills the frames of one COPY. */
export interface RowEncoder {
  readonly rowsSent: number
  /** Bytes of rows that were emitted. */
  readonly bytesSent: number
  readonly nulBytes: number
  /** Encodes rows of a batch from `from` on; full frames are emitted, the last one stays open for the next batch. Returns
   * how many rows of the batch are done: all of them, unless the next one cannot go in this format. */
  encode(batch: Batch, from?: number): number
  /** Emits what is still open, and what ends the rows. */
  end(): void
  /** Takes back the memory of a frame that was sent. */
  recycle(frame: Buffer): void
}

/** Encodes batches as COPY text, in frames with room for the CopyData head in front. One row costs no object and no call
 * per byte: cells are copied four bytes at a time, and a word that may need an escape is looked at byte by byte. Counts
 * NULs by the plan's policy; throws VALUE_POLICY where that is `reject`. */
export class CopyTextEncoder implements RowEncoder {
  rowsSent = 0
  bytesSent = 0
  nulBytes = 0
  #kinds: Uint8Array
  #columns: readonly Column[]
  #nul: PostgresPolicies['nul']
  #frame: Buffer
  #view: DataView
  #at = FRAME_HEAD
  #free: Buffer[] = []
  #emit: (frame: Buffer) => void

  constructor(columns: readonly Column[], policies: PostgresPolicies, emit: (frame: Buffer) => void) {
    this.#columns = columns
    this.#kinds = Uint8Array.from(columns, kindOf)
    this.#nul = policies.nul
    this.#frame = Buffer.allocUnsafeSlow(FRAME_BYTES)
    this.#view = viewOf(this.#frame)
    this.#emit = emit
  }

  /** Encodes one batch; full frames are emitted, the last one stays open for the next batch. */
  encode(batch: Batch, from = 0): number {
    const { data, spans } = batch
    const kinds = this.#kinds
    const width = kinds.length
    // To the end of the memory, which a batch rarely fills: the last word of a cell reaches up to three bytes too far.
    const source = new DataView(data.buffer, data.byteOffset)
    const wordsEnd = source.byteLength - 4
    let cell = from * width * 2
    for (let row = from; row < batch.rowCount; row++) {
      for (let column = 0; column < width; column++) {
        const start = spans[cell]!
        const end = spans[cell + 1]!
        cell += 2
        this.#reserve(start === NULL_CELL ? 4 : (end - start) * 2 + 4)
        if (column > 0) this.#frame[this.#at++] = TAB
        if (start === NULL_CELL) {
          this.#frame[this.#at++] = BACKSLASH
          this.#frame[this.#at++] = N
          continue
        }
        const kind = kinds[column]!
        if (kind === BYTES) this.#bytes(data, start, end)
        else if (kind === JSONB) this.#jsonb(data, start, end, column)
        else if (end > wordsEnd) this.#text(data, start, end, column)
        else {
          const clean = this.#words(source, start, end)
          if (clean < end) this.#text(data, clean, end, column)
        }
      }
      this.#frame[this.#at++] = NEWLINE
    }
    this.rowsSent += batch.rowCount - from
    return batch.rowCount
  }

  /** Text ends with its last row. */
  end(): void {
    this.flush()
  }

  /** Emits what is still open. */
  flush(): void {
    if (this.#at === FRAME_HEAD) return
    this.bytesSent += this.#at - FRAME_HEAD
    this.#emit(this.#frame.subarray(0, this.#at))
    this.#open(this.#free.pop() ?? Buffer.allocUnsafeSlow(FRAME_BYTES))
  }

  /** Takes back the memory of a frame that was sent. */
  recycle(frame: Buffer): void {
    if (frame.buffer.byteLength === FRAME_BYTES) this.#free.push(Buffer.from(frame.buffer))
  }

  #open(frame: Buffer): void {
    this.#frame = frame
    this.#view = viewOf(frame)
    this.#at = FRAME_HEAD
  }

  #reserve(room: number): void {
    // For the newline behind the last cell, and for a word that reaches too far.
    const needed = room + 5
    if (this.#at + needed <= this.#frame.length) return
    this.flush()
    if (this.#at + needed > this.#frame.length) this.#open(Buffer.allocUnsafeSlow(FRAME_HEAD + needed))
  }

  /** Copies words up to the first that holds a control character or a backslash; returns where that begins, or `end`. */
  #words(source: DataView, start: number, end: number): number {
    const view = this.#view
    const shift = this.#at - start
    for (let i = start; i < end; i += 4) {
      const word = source.getInt32(i, true)
      const slash = word ^ 0x5c5c5c5c
      // The high bit of each byte below 0x20, and of each byte that is a backslash.
      if (((((word - 0x20202020) | 0) & ~word) | (((slash - 0x01010101) | 0) & ~slash)) & 0x80808080) {
        this.#at = i + shift
        return i
      }
      view.setInt32(i + shift, word, true)
    }
    this.#at = end + shift
    return end
  }

  #text(data: Uint8Array, start: number, end: number, column: number): void {
    const frame = this.#frame
    let at = this.#at
    for (let i = start; i < end; i++) {
      const byte = data[i]!
      const letter = ESCAPES[byte]!
      if (letter === 0) {
        frame[at++] = byte
      } else if (letter === 1) {
        at = this.#putNul(at, column)
      } else {
        frame[at++] = BACKSLASH
        frame[at++] = letter
      }
    }
    this.#at = at
  }

  #bytes(data: Uint8Array, start: number, end: number): void {
    const frame = this.#frame
    const view = this.#view
    let at = this.#at
    frame[at++] = BACKSLASH
    frame[at++] = BACKSLASH
    frame[at++] = X
    for (let i = start; i < end; i++) {
      view.setUint16(at, HEX[data[i]!]!, true)
      at += 2
    }
    this.#at = at
  }

  /** jsonb cannot hold U+0000, which JSON text spells `\u0000` behind an even number of backslashes. */
  #jsonb(data: Uint8Array, start: number, end: number, column: number): void {
    let from = start
    let i = start
    while (i < end) {
      if (data[i] !== BACKSLASH) {
        i++
      } else if (isEscapedNul(data, i, end)) {
        this.#text(data, from, i, column)
        this.#at = this.#putNul(this.#at, column)
        i += 6
        from = i
      } else {
        i += 2
      }
    }
    this.#text(data, from, end, column)
  }

  #putNul(at: number, column: number): number {
    this.nulBytes++
    if (this.#nul === 'reject') {
      throw new AirlockError('VALUE_POLICY', { phase: 'write', params: { at: this.#columns[column]!.name } })
    }
    if (this.#nul === 'strip') return at
    // U+FFFD would not fit the two bytes that were reserved for one: the substitute is a question mark.
    this.#frame[at] = 0x3f
    return at + 1
  }
}

/** Whether `\u0000` begins here. */
export function isEscapedNul(data: Uint8Array, at: number, end: number): boolean {
  return (
    at + 6 <= end &&
    data[at + 1] === 0x75 &&
    data[at + 2] === 0x30 &&
    data[at + 3] === 0x30 &&
    data[at + 4] === 0x30 &&
    data[at + 5] === 0x30
  )
}

function kindOf(column: Column): number {
  const { type } = column
  if (type.kind === 'bytes') return BYTES
  return type.kind === 'json' && type.storage !== 'json' ? JSONB : TEXT
}

function viewOf(frame: Buffer): DataView {
  return new DataView(frame.buffer, frame.byteOffset, frame.byteLength)
}
