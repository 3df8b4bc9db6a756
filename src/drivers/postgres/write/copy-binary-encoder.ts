import { type Batch, type Column, NULL_CELL } from '../../../core/batch.js'
import { AirlockError } from '../../../errors/index.js'
import { putDouble, putFloat } from './binary/floats.js'
import { FORM, type Form } from './binary/form-of.js'
import { putBigint, putInteger } from './binary/integers.js'
import { putNumeric } from './binary/numerics.js'
import { putDate, putTime, putTimestamp } from './binary/times.js'
import { putUuid } from './binary/uuids.js'
import { isEscapedNul, type RowEncoder } from './copy-encoder.js'
import { FRAME_HEAD } from './copy-in.js'
import type { PostgresPolicies } from './policies.js'

const FRAME_BYTES = 64 * 1024

const JSONB_VERSION = 1

const BACKSLASH = 0x5c
const QUESTION_MARK = 0x3f

/** Signature, flags and length of the extension, and the field count that ends the rows. They are not counted as rows.
 * https://www.postgresql.org/docs/17/sql-copy.html#SQL-COPY-FILE-FORMATS */
const HEADER = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1')
const TRAILER = 0xffff

/** What a cell may need beside its own bytes: its length, a numeric's head and half-filled groups, a word that reaches too
 * far. No fixed form is longer than 16 bytes. */
const CELL_ROOM = 28

/** Encodes batches as COPY binary, in frames with room for the CopyData head in front. One row costs no object: digits are
 * parsed where they lie. A cell that is not in the plain form of its type is not judged here: `encode` stops at its row, so
 * that the rest can go as text and the server says what it is. NULs are treated as `CopyTextEncoder` does. */
export class CopyBinaryEncoder implements RowEncoder {
  rowsSent = 0
  bytesSent = 0
  nulBytes = 0
  #forms: readonly Form[]
  #columns: readonly Column[]
  #nul: PostgresPolicies['nul']
  #frame: Buffer
  #view: DataView
  #at: number
  #free: Buffer[] = []
  #emit: (frame: Buffer) => void

  constructor(
    columns: readonly Column[],
    forms: readonly Form[],
    policies: PostgresPolicies,
    emit: (frame: Buffer) => void,
  ) {
    this.#columns = columns
    this.#forms = forms
    this.#nul = policies.nul
    this.#frame = Buffer.allocUnsafeSlow(FRAME_BYTES)
    this.#view = viewOf(this.#frame)
    this.#emit = emit
    this.#at = FRAME_HEAD + HEADER.copy(this.#frame, FRAME_HEAD)
    this.bytesSent = -HEADER.length
  }

  /** Encodes rows from `from` on; returns how many rows of the batch are done, which is fewer than it has where the next one
   * cannot go in this format. */
  encode(batch: Batch, from = 0): number {
    const { data, spans } = batch
    const width = this.#forms.length
    // To the end of the memory, which a batch rarely fills: the last word of a cell reaches up to three bytes too far.
    const source = new DataView(data.buffer, data.byteOffset)
    let row = from
    for (; row < batch.rowCount; row++) {
      const first = row * width * 2
      let room = 2 + width * CELL_ROOM
      for (let i = first; i < first + width * 2; i += 2) if (spans[i] !== NULL_CELL) room += spans[i + 1]! - spans[i]!
      this.#reserve(room)
      const begun = this.#at
      const nuls = this.nulBytes
      if (!this.#row(data, source, spans, first, width)) {
        this.#at = begun
        this.nulBytes = nuls
        break
      }
    }
    this.rowsSent += row - from
    return row
  }

  /** Emits what is still open. */
  flush(): void {
    if (this.#at === FRAME_HEAD) return
    this.bytesSent += this.#at - FRAME_HEAD
    this.#emit(this.#frame.subarray(0, this.#at))
    this.#open(this.#free.pop() ?? Buffer.allocUnsafeSlow(FRAME_BYTES))
  }

  /** Ends the rows, and emits what is still open. */
  end(): void {
    this.#reserve(2)
    this.#view.setInt16(this.#at, TRAILER)
    this.#at += 2
    this.bytesSent -= 2
    this.flush()
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
    if (this.#at + room <= this.#frame.length) return
    this.flush()
    if (this.#at + room > this.#frame.length) this.#open(Buffer.allocUnsafeSlow(FRAME_HEAD + room))
  }

  /** False where a cell is not plain. */
  #row(data: Uint8Array, source: DataView, spans: Uint32Array, first: number, width: number): boolean {
    const view = this.#view
    const forms = this.#forms
    let at = this.#at
    view.setInt16(at, width)
    at += 2
    for (let column = 0; column < width; column++) {
      const start = spans[first + column * 2]!
      if (start === NULL_CELL) {
        view.setInt32(at, -1)
        at += 4
        continue
      }
      const end = spans[first + column * 2 + 1]!
      const cell = at + 4
      const next = this.#cell(forms[column]!, data, source, start, end, cell, column)
      if (next < 0) return false
      view.setInt32(at, next - cell)
      at = next
    }
    this.#at = at
    return true
  }

  #cell(
    form: Form,
    data: Uint8Array,
    source: DataView,
    start: number,
    end: number,
    at: number,
    column: number,
  ): number {
    const view = this.#view
    switch (form) {
      case FORM.text:
        return this.#text(data, source, start, end, at, column)
      case FORM.escaped:
        return this.#escaped(data, start, end, at, column)
      case FORM.jsonb:
        view.setUint8(at, JSONB_VERSION)
        return this.#text(data, source, start, end, at + 1, column)
      case FORM.escapedJsonb:
        view.setUint8(at, JSONB_VERSION)
        return this.#escaped(data, start, end, at + 1, column)
      case FORM.bytes:
        return this.#bytes(data, source, start, end, at)
      case FORM.int2:
        return putInteger(data, start, end, view, at, 2)
      case FORM.int4:
        return putInteger(data, start, end, view, at, 4)
      case FORM.int8:
        return putBigint(data, start, end, view, at)
      case FORM.numeric:
        return putNumeric(data, start, end, view, at)
      case FORM.float4:
        return putFloat(data, start, end, view, at)
      case FORM.float8:
        return putDouble(data, start, end, view, at)
      case FORM.boolean:
        if (end - start !== 1 || (data[start] !== 0x74 && data[start] !== 0x66)) return -1
        view.setUint8(at, data[start] === 0x74 ? 1 : 0)
        return at + 1
      case FORM.uuid:
        return putUuid(data, start, end, view, at)
      case FORM.date:
        return putDate(data, start, end, view, at)
      case FORM.time:
        return putTime(data, start, end, view, at)
      case FORM.timestamp:
        return putTimestamp(data, start, end, view, at, 'none')
      case FORM.timestamptz:
        return putTimestamp(data, start, end, view, at, 'utc')
    }
  }

  /** Copies words up to the first that holds a NUL, and from there byte by byte. */
  #text(data: Uint8Array, source: DataView, start: number, end: number, at: number, column: number): number {
    if (end > source.byteLength - 4) return this.#plain(data, start, end, at, column)
    const view = this.#view
    const shift = at - start
    for (let i = start; i < end; i += 4) {
      const word = source.getInt32(i, true)
      if ((word - 0x01010101) & ~word & 0x80808080) return this.#plain(data, i, end, i + shift, column)
      view.setInt32(i + shift, word, true)
    }
    return end + shift
  }

  #plain(data: Uint8Array, start: number, end: number, at: number, column: number): number {
    const frame = this.#frame
    let out = at
    for (let i = start; i < end; i++) {
      const byte = data[i]!
      if (byte !== 0) frame[out++] = byte
      else out = this.#putNul(out, column)
    }
    return out
  }

  #bytes(data: Uint8Array, source: DataView, start: number, end: number, at: number): number {
    if (end - start > 256 || end > source.byteLength - 4) {
      this.#frame.set(data.subarray(start, end), at)
      return at + end - start
    }
    const view = this.#view
    const shift = at - start
    for (let i = start; i < end; i += 4) view.setInt32(i + shift, source.getInt32(i, true), true)
    return end + shift
  }

  /** jsonb cannot hold U+0000, which JSON text spells `\u0000` behind an even number of backslashes. */
  #escaped(data: Uint8Array, start: number, end: number, at: number, column: number): number {
    const frame = this.#frame
    let out = at
    let i = start
    while (i < end) {
      const byte = data[i]!
      if (byte === BACKSLASH && isEscapedNul(data, i, end)) {
        out = this.#putNul(out, column)
        i += 6
      } else if (byte === BACKSLASH && i + 1 < end && data[i + 1] !== 0) {
        frame[out++] = byte
        frame[out++] = data[i + 1]!
        i += 2
      } else {
        if (byte === 0) out = this.#putNul(out, column)
        else frame[out++] = byte
        i++
      }
    }
    return out
  }

  #putNul(at: number, column: number): number {
    this.nulBytes++
    if (this.#nul === 'reject') {
      throw new AirlockError('VALUE_POLICY', { phase: 'write', params: { at: this.#columns[column]!.name } })
    }
    if (this.#nul === 'strip') return at
    // The substitute that text gets.
    this.#frame[at] = QUESTION_MARK
    return at + 1
  }
}

function viewOf(frame: Buffer): DataView {
  return new DataView(frame.buffer, frame.byteOffset, frame.byteLength)
}
