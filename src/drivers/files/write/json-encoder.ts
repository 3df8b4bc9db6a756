import { type Batch, NULL_CELL } from '../../../core/batch.js'
import type { LogicalKind } from '../../../core/column-type.js'
import { AirlockError } from '../../../errors/index.js'
import { isJson } from '../read/cell-readers.js'
import { FrameBuffer, putBytes } from './frame-buffer.js'
import type { EncoderOptions, RowEncoder } from './row-encoder.js'

const QUOTE = 0x22
const BACKSLASH = 0x5c
const LF = 0x0a
const CR = 0x0d

const NULL_WORD = Buffer.from('null')
const TRUE = Buffer.from('true')
const FALSE = Buffer.from('false')

/** How the cells of a column are written. */
type Form = 'text' | 'number' | 'boolean' | 'json' | 'bytes' | 'moment'

const FORMS: Partial<Record<LogicalKind, Form>> = {
  boolean: 'boolean',
  int16: 'number',
  int32: 'number',
  int64: 'number',
  uint64: 'number',
  decimal: 'number',
  float32: 'number',
  float64: 'number',
  bytes: 'bytes',
  timestamp: 'moment',
  timestamptz: 'moment',
  json: 'json',
}

/** Control characters as JSON writes them (RFC 8259 section 7). */
const ESCAPES = Array.from({ length: 0x20 }, (_, byte) => JSON.stringify(String.fromCharCode(byte)).slice(1, -1))

const NUMBER_TEXT = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/

/** Writes one JSON object a line. Numbers keep their digits, whatever a reader makes of them; dates and times are ISO 8601;
 * JSON goes in as it is, on one line. */
export class JsonEncoder implements RowEncoder {
  rowsSent = 0
  #nulls = 0
  #out: FrameBuffer
  #options: EncoderOptions
  #forms: readonly Form[]
  /** What stands before the value of each column. */
  #keys: readonly Buffer[]

  constructor(options: EncoderOptions) {
    this.#options = options
    this.#out = new FrameBuffer(options.emit)
    this.#forms = options.columns.map(({ from }) =>
      from === undefined ? 'text' : (FORMS[from.column.type.kind] ?? 'text'),
    )
    this.#keys = options.columns.map(({ name }, index) =>
      Buffer.from(`${index === 0 ? '{' : ','}${JSON.stringify(name)}:`),
    )
  }

  get bytesSent(): number {
    return this.#out.bytes
  }

  get policyCounts(): Readonly<Record<string, number>> {
    return this.#nulls === 0 ? {} : { json_null: this.#nulls }
  }

  header(): void {
    // Every row says what its columns are.
  }

  encode(batch: Batch): void {
    const { data, spans } = batch
    const { columns } = this.#options
    const out = this.#out
    for (let row = 0; row < batch.rowCount; row++) {
      const base = row * batch.columns.length * 2
      for (let column = 0; column < columns.length; column++) {
        out.put(this.#keys[column]!)
        const source = columns[column]!.from?.index ?? -1
        const start = source < 0 ? NULL_CELL : spans[base + source * 2]!
        if (start === NULL_CELL) out.put(NULL_WORD)
        else this.#cell(column, data, start, spans[base + source * 2 + 1]!)
      }
      out.put(ROW_END)
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

  #cell(column: number, data: Uint8Array, start: number, end: number): void {
    const form = this.#forms[column]
    if (form === 'boolean') this.#out.put(data[start] === 0x74 ? TRUE : FALSE)
    else if (form === 'json') this.#json(column, data, start, end)
    else if (form === 'number' && isPlainNumber(data, start, end)) this.#raw(data, start, end)
    else if (form === 'moment') {
      const iso = isoMoment(Buffer.from(data.buffer, data.byteOffset + start, end - start).toString('latin1'))
      this.#text(Buffer.from(iso), 0, iso.length)
    } else if (form === 'bytes') {
      this.#out.put(ONE_QUOTE)
      putBytes(this.#out, this.#options.config.bytes, data, start, end)
      this.#out.put(ONE_QUOTE)
    } else this.#text(data, start, end)
  }

  #raw(data: Uint8Array, start: number, end: number): void {
    const out = this.#out
    out.reserve(end - start)
    const { frame } = out
    let { at } = out
    for (let i = start; i < end; i++) frame[at++] = data[i]!
    out.at = at
  }

  /** A line break in JSON text can only be a blank between two tokens: it becomes one that ends no line. */
  #json(column: number, data: Uint8Array, start: number, end: number): void {
    const out = this.#out
    if (!isJson(data, start, end)) throw new AirlockError('VALUE_REJECTED', { phase: 'write' })
    const begin = out.at
    this.#raw(data, start, end)
    for (let at = begin; at < out.at; at++) if (out.frame[at] === LF || out.frame[at] === CR) out.frame[at] = 0x20
    if (out.frame.subarray(begin, out.at).toString('latin1').trim() !== 'null') return
    if (this.#options.policies.json_null === 'error') {
      throw new AirlockError('VALUE_POLICY', { phase: 'write', params: { at: this.#options.columns[column]!.name } })
    }
    this.#nulls++
  }

  #text(data: Uint8Array, start: number, end: number): void {
    const out = this.#out
    // A control character takes six bytes.
    out.reserve((end - start) * 6 + 2)
    const { frame } = out
    let { at } = out
    frame[at++] = QUOTE
    for (let i = start; i < end; i++) {
      const byte = data[i]!
      if (byte === QUOTE || byte === BACKSLASH) {
        frame[at++] = BACKSLASH
        frame[at++] = byte
      } else if (byte < 0x20) {
        at += frame.write(ESCAPES[byte]!, at, 'latin1')
      } else {
        frame[at++] = byte
      }
    }
    frame[at++] = QUOTE
    out.at = at
  }
}

const ROW_END = Buffer.from('}\n')
const ONE_QUOTE = Buffer.from('"')

/** Whether the digits are a JSON number as they are. */
function isPlainNumber(data: Uint8Array, start: number, end: number): boolean {
  const first = data[start]!
  let at = start
  while (at < end && data[at]! >= 0x30 && data[at]! <= 0x39) at++
  if (at === end && end > start && (first !== 0x30 || end === start + 1)) return true
  return NUMBER_TEXT.test(Buffer.from(data.buffer, data.byteOffset + start, end - start).toString('latin1'))
}

/** `2024-01-31 10:00:00+00` as ISO 8601 has it; what ISO 8601 has no notation for stays as it is. */
function isoMoment(text: string): string {
  const [, date, time, zone] = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d(?:\.\d+)?)(\+00)?$/.exec(text) ?? []
  return date === undefined ? text : `${date}T${time}${zone === undefined ? '' : 'Z'}`
}
