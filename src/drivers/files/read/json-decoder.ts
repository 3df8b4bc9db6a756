import { isUtf8 } from 'node:buffer'
import { BatchBuilder } from '../../../core/batch-builder.js'
import type { FilesConfig } from '../config.js'
import { invalidFile } from '../errors.js'
import { type CellReader, IN_PLACE, MISFIT, putAscii } from './cell-reader.js'
import { cellReader } from './cell-readers.js'
import {
  ESCAPED,
  FALSE,
  JsonLineScanner,
  jsonText,
  MISSING,
  NESTED,
  NULL,
  NUMBER,
  STRING,
  TRUE,
} from './json-scanner.js'
import type { DecoderOptions, ReadColumn, RowDecoder } from './row-decoder.js'

const LF = 0x0a
const BOM = [0xef, 0xbb, 0xbf] as const

export interface JsonDecoderOptions extends DecoderOptions {
  readonly config: Pick<FilesConfig, 'bytes'>
}

/** Packs JSON objects, one a line, into batches. A missing key is NULL, like `null`. */
export class JsonDecoder implements RowDecoder {
  rowsRead = 0
  #scanner: JsonLineScanner
  #builder: BatchBuilder
  #columns: readonly ReadColumn[]
  #readers: readonly (CellReader | undefined)[]
  #options: JsonDecoderOptions

  constructor(options: JsonDecoderOptions) {
    const { columns, config } = options
    this.#options = options
    this.#columns = columns
    this.#scanner = new JsonLineScanner(options.fields)
    this.#builder = new BatchBuilder(
      columns.map(({ column }) => column),
      options.batchBytes,
    )
    this.#readers = columns.map(({ column }) => cellReader(column.type, config.bytes))
  }

  parse(data: Uint8Array, from: number, end: number, final: boolean): number {
    const whole = final ? end : data.lastIndexOf(LF, end - 1) + 1
    const valid = whole <= from || isUtf8(data.subarray(from, whole))
    let at = from
    if (this.rowsRead === 0 && whole > from && BOM.every((byte, index) => data[from + index] === byte)) at += BOM.length
    while (at < whole) {
      const found = data.indexOf(LF, at)
      const lineEnd = found === -1 || found >= end ? end : found
      const row = this.rowsRead + 1
      if (!valid && !isUtf8(data.subarray(at, lineEnd))) throw invalidFile(row, 'the text is not UTF-8')
      const fault = this.#scanner.line(data, at, lineEnd)
      if (fault !== 0) throw invalidFile(row, JsonLineScanner.fault(fault))
      this.#row(data)
      this.rowsRead = row
      at = Math.min(end, lineEnd + 1)
      if (this.#builder.size >= this.#builder.limit) this.flush(false)
    }
    return at
  }

  flush(evenIfEmpty: boolean): void {
    if (this.#builder.rowCount > 0 || evenIfEmpty) this.#options.emit(this.#builder.finish())
  }

  #row(data: Uint8Array): void {
    const builder = this.#builder
    const { kinds, spans } = this.#scanner
    builder.beginRow()
    for (let column = 0; column < this.#columns.length; column++) {
      const { field } = this.#columns[column]!
      const kind = kinds[field]!
      if (kind === MISSING || kind === NULL) builder.putNull()
      else if (!this.#cell(column, kind, data, spans[field * 2]!, spans[field * 2 + 1]!)) throw this.#misfit(column)
    }
    builder.endRow()
  }

  #cell(column: number, kind: number, data: Uint8Array, start: number, end: number): boolean {
    const { column: target, declared } = this.#columns[column]!
    const type = target.type.kind
    if (type === 'json') {
      // The text as it stands in the file, quotes included; the scanner has found it to be JSON.
      const inside = kind === STRING ? 1 : 0
      if (kind === ESCAPED && jsonText(data, start, end) === undefined) return false
      return this.#put(undefined, data, start - inside, end + inside)
    }
    if (kind === NESTED) return false
    if (kind === TRUE || kind === FALSE) {
      if (type === 'boolean') {
        putAscii(this.#builder, kind === TRUE ? 't' : 'f')
        return true
      }
      return type === 'text' && declared && this.#put(this.#readers[column], data, start, end)
    }
    if (!declared && !isExpected(type, kind, data, start, end)) return false
    if (kind !== ESCAPED) return this.#put(this.#readers[column], data, start, end)
    const text = jsonText(data, start, end)
    if (text === undefined) return false
    const bytes = Buffer.from(text)
    return this.#put(this.#readers[column], bytes, 0, bytes.length)
  }

  #put(reader: CellReader | undefined, data: Uint8Array, start: number, end: number): boolean {
    const builder = this.#builder
    const shift = builder.regionStart - start
    if (reader === undefined) builder.put(start + shift, end + shift)
    else {
      const outcome = reader(builder, data, start, end, shift)
      if (outcome !== IN_PLACE) return outcome !== MISFIT
    }
    builder.region(data, start, end)
    return true
  }

  #misfit(column: number): Error {
    const { name, type } = this.#columns[column]!.column
    return invalidFile(this.rowsRead + 1, `column ${name} is not ${type.kind}`)
  }
}

const NUMBERS: ReadonlySet<string> = new Set(['int16', 'int32', 'int64', 'uint64', 'decimal', 'float32', 'float64'])

/** Where nothing was declared, the kind of the value has to be that of the first rows: the number 1 and the text "1" are
 * two things. Numbers that JSON cannot write are text. */
function isExpected(type: string, kind: number, data: Uint8Array, start: number, end: number): boolean {
  if (!NUMBERS.has(type)) return kind !== NUMBER && type !== 'boolean'
  if (kind === NUMBER) return true
  return (
    kind === STRING && isNumberWord(Buffer.from(data.buffer, data.byteOffset + start, end - start).toString('latin1'))
  )
}

/** What stands in a JSONL file for the numbers that JSON has no notation for. */
export function isNumberWord(text: string): boolean {
  return text === 'NaN' || text === 'Infinity' || text === '-Infinity'
}
