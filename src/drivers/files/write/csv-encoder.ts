import { type Batch, NULL_CELL } from '../../../core/batch.js'
import { AirlockError } from '../../../errors/index.js'
import { isFormula } from '../read/row-decoder.js'
import { FrameBuffer, putBytes } from './frame-buffer.js'
import type { EncoderOptions, RowEncoder } from './row-encoder.js'

const QUOTE = 0x22
const LF = 0x0a
const CR = 0x0d
const APOSTROPHE = 0x27

/** How the cells of a column are written. */
const TEXT = 0
/** Text that no person wrote, e.g. JSON or a number: never taken for a formula. */
const OTHER = 1
const BYTES = 2
const BOOLEAN = 3

const TRUE = Buffer.from('true')
const FALSE = Buffer.from('false')

/** Writes CSV by RFC 4180, but with LF. What is read back is what was written: NULL is the null word without quotes, text
 * that looks like it gets quotes, and empty text is `""` where the null word is empty. */
export class CsvEncoder implements RowEncoder {
  rowsSent = 0
  #formulas = 0
  #out: FrameBuffer
  #options: EncoderOptions
  #kinds: Uint8Array
  /** Positions in the batch; -1 for columns that the stream does not have. */
  #sources: Int32Array
  #null: Buffer
  #delimiter: number
  /** Bytes that a field can only have in quotes. */
  #special = new Uint8Array(256)

  constructor(options: EncoderOptions & { readonly delimiter: number }) {
    const { columns, config, delimiter } = options
    this.#options = options
    this.#out = new FrameBuffer(options.emit)
    this.#kinds = Uint8Array.from(columns, ({ from }) => kindOf(from?.column.type.kind))
    this.#sources = Int32Array.from(columns, ({ from }) => from?.index ?? -1)
    this.#null = Buffer.from(config.null_value)
    this.#delimiter = delimiter
    for (const byte of [delimiter, QUOTE, LF, CR]) this.#special[byte] = 1
  }

  get bytesSent(): number {
    return this.#out.bytes
  }

  get policyCounts(): Readonly<Record<string, number>> {
    return this.#formulas === 0 ? {} : { formulas: this.#formulas }
  }

  header(): void {
    this.#options.columns.forEach(({ name }, index) => {
      const bytes = Buffer.from(name)
      if (index > 0) this.#byte(this.#delimiter)
      this.#text(bytes, 0, bytes.length, index, true)
    })
    this.#byte(LF)
  }

  encode(batch: Batch): void {
    const { data, spans } = batch
    const out = this.#out
    const sources = this.#sources
    const kinds = this.#kinds
    const width = batch.columns.length * 2
    for (let row = 0; row < batch.rowCount; row++) {
      const base = row * width
      for (let column = 0; column < sources.length; column++) {
        if (column > 0) this.#byte(this.#delimiter)
        const source = sources[column]!
        const start = source < 0 ? NULL_CELL : spans[base + source * 2]!
        if (start === NULL_CELL) {
          if (this.#null.length > 0) out.put(this.#null)
          continue
        }
        const end = spans[base + source * 2 + 1]!
        const kind = kinds[column]!
        if (kind === TEXT || kind === OTHER) this.#text(data, start, end, column, kind === TEXT)
        else if (kind === BOOLEAN) this.#text(data[start] === 0x74 ? TRUE : FALSE, 0, -1, column, false)
        else this.#bytes(data, start, end)
      }
      this.#byte(LF)
      this.rowsSent++
      out.endRow()
    }
  }

  flush(): void {
    this.#out.flush()
  }

  recycle(frame: Buffer): void {
    this.#out.recycle(frame)
  }

  #byte(byte: number): void {
    const out = this.#out
    if (out.at === out.frame.length) out.reserve(1)
    out.frame[out.at++] = byte
  }

  /** A negative end stands for the end of `data`. */
  #text(data: Uint8Array, start: number, to: number, column: number, text: boolean): void {
    const end = to < 0 ? data.length : to
    const out = this.#out
    const escaped = text && isFormula(data, start, end) && this.#formula(column)
    const length = end - start
    if (out.at + length * 2 + 4 > out.frame.length) out.reserve(length * 2 + 4)
    const { frame } = out
    const special = this.#special
    const begin = out.at
    let at = begin
    if (escaped) frame[at++] = APOSTROPHE
    let i = start
    while (i < end) {
      const byte = data[i]!
      if (special[byte] === 1) break
      frame[at++] = byte
      i++
    }
    // At the beginning of a file a byte order mark would be taken off.
    const quoted = i < end || this.#isNull(frame, begin, at) || (at > begin && frame[begin] === 0xef)
    if (!quoted) {
      out.at = at
      return
    }
    at = begin
    frame[at++] = QUOTE
    if (escaped) frame[at++] = APOSTROPHE
    for (i = start; i < end; i++) {
      const byte = data[i]!
      frame[at++] = byte
      if (byte === QUOTE) frame[at++] = QUOTE
    }
    frame[at++] = QUOTE
    out.at = at
  }

  #bytes(data: Uint8Array, start: number, end: number): void {
    const out = this.#out
    out.reserve(2)
    const begin = out.at
    putBytes(out, this.#options.config.bytes, data, start, end)
    if (!this.#isNull(out.frame, begin, out.at)) return
    const digits = out.frame.subarray(begin, out.at).toString('latin1')
    out.at = begin
    out.put(Buffer.from(`"${digits}"`))
  }

  #isNull(frame: Uint8Array, start: number, end: number): boolean {
    const word = this.#null
    if (end - start !== word.length) return false
    for (let i = 0; i < word.length; i++) if (frame[start + i] !== word[i]) return false
    return true
  }

  /** Whether the text gets an apostrophe in front. */
  #formula(column: number): boolean {
    const { formulas } = this.#options.policies
    if (formulas === 'keep') return false
    if (formulas === 'error') {
      throw new AirlockError('VALUE_POLICY', { phase: 'write', params: { at: this.#options.columns[column]!.name } })
    }
    this.#formulas++
    return true
  }
}

function kindOf(kind: string | undefined): number {
  if (kind === 'bytes') return BYTES
  if (kind === 'boolean') return BOOLEAN
  return kind === 'text' ? TEXT : OTHER
}
