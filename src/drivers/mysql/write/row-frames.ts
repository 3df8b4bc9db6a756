import { type Batch, NULL_CELL } from '../../../core/batch.js'
import { AirlockError } from '../../../errors/index.js'
import type { ColumnSlot, Framing } from './column-slot.js'

/** Rows in the form of one transport: as lines for LOAD DATA, or as the list behind VALUES. */
export type FrameForm = 'lines' | 'values'

/** Encoded rows of one statement. */
export interface RowChunk {
  readonly bytes: Buffer
  readonly rows: number
}

/** How many buffers are kept for reuse: one is filled while another is sent. */
const SPARE = 2

const TAB = 0x09
const NEWLINE = 0x0a
const QUOTE = 0x27
const COMMA = 0x2c
const OPEN = 0x28
const CLOSE = 0x29
const BACKSLASH = 0x5c

/** What a byte becomes behind a backslash; 0 for bytes that stand for themselves. Both forms read these alike.
 * https://dev.mysql.com/doc/refman/8.4/en/string-literals.html, https://dev.mysql.com/doc/refman/8.4/en/load-data.html */
const ESCAPES = new Uint8Array(256)
ESCAPES[0x00] = 0x30
ESCAPES[TAB] = 0x74
ESCAPES[NEWLINE] = 0x6e
ESCAPES[0x0d] = 0x72
ESCAPES[QUOTE] = QUOTE
ESCAPES[BACKSLASH] = BACKSLASH

/** The two hexadecimal digits of a byte as they lie in memory, read as a little-endian number. */
const HEX = Uint16Array.from({ length: 256 }, (_, byte) => {
  const digits = byte.toString(16).padStart(2, '0')
  return digits.charCodeAt(0) | (digits.charCodeAt(1) << 8)
})

const KINDS: Readonly<Record<Framing, number>> = { text: 0, boolean: 1, bytes: 2, bits: 3 }

/** Encodes batches into chunks of about `limit` bytes, escaping as it copies. Every value is quoted, whatever its type, so
 * that no cell can say anything but a value. A row that is wider than the limit becomes a chunk of its own; one that is
 * wider than `most` bytes is refused with ROW_TOO_LARGE before anything of it is sent. */
export class RowFrames {
  rowsEncoded = 0
  bytesEncoded = 0
  #kinds: Uint8Array
  #values: boolean
  #limit: number
  #most: number
  #emit: (chunk: RowChunk) => void
  #buffer: Buffer
  #view: DataView
  #at = 0
  #rows = 0
  #free: Buffer[] = []
  /** Where the row that is being encoded begins. */
  #row = 0

  constructor(
    slots: readonly ColumnSlot[],
    form: FrameForm,
    sizes: { readonly limit: number; readonly most: number },
    emit: (chunk: RowChunk) => void,
  ) {
    this.#kinds = Uint8Array.from(slots, ({ framing }) => KINDS[framing])
    this.#values = form === 'values'
    this.#limit = sizes.limit
    this.#most = sizes.most
    this.#emit = emit
    this.#buffer = Buffer.allocUnsafeSlow(this.#limit)
    this.#view = viewOf(this.#buffer)
  }

  /** Encodes one batch; full chunks are emitted, the last one stays open for the next batch. */
  encode(batch: Batch): void {
    const { data, spans } = batch
    const kinds = this.#kinds
    const width = kinds.length
    const source = new DataView(data.buffer, data.byteOffset)
    const wordsEnd = source.byteLength - 4
    let cell = 0
    for (let row = 0; row < batch.rowCount; row++) {
      this.#beginRow()
      for (let column = 0; column < width; column++) {
        const start = spans[cell]!
        const end = spans[cell + 1]!
        cell += 2
        if (start === NULL_CELL) this.#reserve(8)
        else if (end - start <= this.#most) this.#reserve((end - start) * 2 + 8)
        else throw new AirlockError('ROW_TOO_LARGE', { phase: 'write' })
        if (column > 0) this.#buffer[this.#at++] = this.#values ? COMMA : TAB
        if (start === NULL_CELL) this.#null()
        else this.#cell(kinds[column]!, source, wordsEnd, data, start, end)
      }
      this.#endRow()
    }
    this.rowsEncoded += batch.rowCount
  }

  /** Emits what is still open. */
  flush(): void {
    if (this.#rows > 0) this.#take(this.#at, this.#rows)
  }

  /** Takes back the memory of a chunk that was sent. */
  recycle({ bytes }: RowChunk): void {
    if (bytes.buffer.byteLength === this.#limit && this.#free.length < SPARE) this.#free.push(Buffer.from(bytes.buffer))
  }

  #take(length: number, rows: number): void {
    this.bytesEncoded += length
    this.#emit({ bytes: this.#buffer.subarray(0, length), rows })
    this.#open(this.#free.pop() ?? Buffer.allocUnsafeSlow(this.#limit))
    this.#at = 0
    this.#row = 0
    this.#rows = 0
  }

  #open(buffer: Buffer): void {
    this.#buffer = buffer
    this.#view = viewOf(buffer)
  }

  #beginRow(): void {
    this.#row = this.#at
    this.#reserve(4)
    if (!this.#values) return
    if (this.#rows > 0) this.#buffer[this.#at++] = COMMA
    this.#buffer[this.#at++] = OPEN
  }

  #endRow(): void {
    this.#buffer[this.#at++] = this.#values ? CLOSE : NEWLINE
    if (this.#values && this.#at - this.#row > this.#most) throw new AirlockError('ROW_TOO_LARGE', { phase: 'write' })
    this.#rows++
    if (this.#at >= this.#limit) this.flush()
  }

  /** Makes room: the rows before this one are emitted, and what there is of this one moves to the front of a buffer that
   * holds it. */
  #reserve(room: number): void {
    if (this.#at + room <= this.#buffer.length) return
    // The comma in front of a row belongs to the rows before it.
    const from = this.#row + (this.#values && this.#rows > 0 && this.#at > this.#row ? 1 : 0)
    const begun = Buffer.from(this.#buffer.subarray(from, this.#at))
    if (this.#rows > 0) this.#take(this.#row, this.#rows)
    if (begun.length + room > this.#buffer.length) {
      this.#open(Buffer.allocUnsafeSlow(Math.max(begun.length + room, begun.length * 2)))
    }
    begun.copy(this.#buffer)
    this.#row = 0
    this.#at = begun.length
  }

  #null(): void {
    if (this.#values) {
      this.#at += this.#buffer.write('NULL', this.#at, 'latin1')
    } else {
      this.#buffer[this.#at++] = BACKSLASH
      this.#buffer[this.#at++] = 0x4e
    }
  }

  #cell(kind: number, source: DataView, wordsEnd: number, data: Uint8Array, start: number, end: number): void {
    const values = this.#values
    if (kind >= KINDS.bytes) {
      if (values) this.#buffer[this.#at++] = 0x78
      if (values) this.#buffer[this.#at++] = QUOTE
      if (kind === KINDS.bits) this.#bits(data, start, end)
      else this.#hex(data, start, end)
    } else {
      if (values) this.#buffer[this.#at++] = QUOTE
      if (kind === KINDS.boolean) this.#boolean(data, start, end)
      else if (end > wordsEnd) this.#text(data, start, end)
      else {
        const clean = this.#words(source, start, end)
        if (clean < end) this.#text(data, clean, end)
      }
    }
    if (values) this.#buffer[this.#at++] = QUOTE
  }

  /** Copies words up to the first that may need an escape; returns where that begins, or `end`. */
  #words(source: DataView, start: number, end: number): number {
    const view = this.#view
    const shift = this.#at - start
    for (let i = start; i < end; i += 4) {
      const word = source.getInt32(i, true)
      const slash = word ^ 0x5c5c5c5c
      const quote = word ^ 0x27272727
      // The high bit of each byte below 0x20, and of each byte that is a backslash or a quote.
      const special =
        (((word - 0x20202020) | 0) & ~word) |
        (((slash - 0x01010101) | 0) & ~slash) |
        (((quote - 0x01010101) | 0) & ~quote)
      if (special & 0x80808080) {
        this.#at = i + shift
        return i
      }
      view.setInt32(i + shift, word, true)
    }
    this.#at = end + shift
    return end
  }

  #text(data: Uint8Array, start: number, end: number): void {
    const buffer = this.#buffer
    let at = this.#at
    for (let i = start; i < end; i++) {
      const byte = data[i]!
      const letter = ESCAPES[byte]!
      if (letter !== 0) buffer[at++] = BACKSLASH
      buffer[at++] = letter === 0 ? byte : letter
    }
    this.#at = at
  }

  #boolean(data: Uint8Array, start: number, end: number): void {
    const letter = end - start === 1 ? data[start] : 0
    if (letter === 0x74 || letter === 0x66) this.#buffer[this.#at++] = letter === 0x74 ? 0x31 : 0x30
    else this.#text(data, start, end)
  }

  #hex(data: Uint8Array, start: number, end: number): void {
    const view = this.#view
    let at = this.#at
    for (let i = start; i < end; i++) {
      view.setUint16(at, HEX[data[i]!]!, true)
      at += 2
    }
    this.#at = at
  }

  /** Digits 0 and 1, or a boolean, as the bytes of a left-padded big-endian number. */
  #bits(data: Uint8Array, start: number, end: number): void {
    let at = start
    let byte = 0
    for (let left = (end - start) % 8 || 8; at < end; left = 8) {
      byte = 0
      for (const to = at + left; at < to; at++) byte = (byte << 1) | (data[at] === 0x31 || data[at] === 0x74 ? 1 : 0)
      this.#view.setUint16(this.#at, HEX[byte]!, true)
      this.#at += 2
    }
  }
}

function viewOf(buffer: Buffer): DataView {
  return new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength)
}
