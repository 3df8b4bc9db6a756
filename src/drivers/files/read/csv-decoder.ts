import { isUtf8 } from 'node:buffer'
import { BatchBuilder } from '../../../core/batch-builder.js'
import type { FilesConfig } from '../config.js'
import { invalidFile } from '../errors.js'
import { type CellReader, CONVERTED, MISFIT } from './cell-reader.js'
import { cellReader } from './cell-readers.js'
import { COMPLETE, CsvScanner, DOUBLED, INCOMPLETE, joinQuotes, PLAIN } from './csv-scanner.js'
import { type DecoderOptions, isFormula, type RowDecoder } from './row-decoder.js'

const LF = 0x0a
const BOM = [0xef, 0xbb, 0xbf] as const

export interface CsvDecoderOptions extends DecoderOptions {
  readonly config: Pick<FilesConfig, 'null_value' | 'bytes' | 'unescape_formulas'>
  readonly delimiter: number
  /** The first record holds names. */
  readonly header: boolean
}

/** Packs CSV records into batches. Where every column is wanted, cells are spans over one copy of many records. */
export class CsvDecoder implements RowDecoder {
  rowsRead = 0
  #scanner: CsvScanner
  #builder: BatchBuilder
  #readers: readonly (CellReader | undefined)[]
  /** Positions in the scanner's fields. */
  #places: Int32Array
  #unescape: readonly boolean[]
  #null: Uint8Array
  #options: CsvDecoderOptions
  /** Cells are copied one by one, because some fields are left out. */
  #sparse: boolean
  #headerLeft: boolean
  #started = false

  constructor(options: CsvDecoderOptions) {
    const { columns, fields, config } = options
    this.#options = options
    this.#scanner = new CsvScanner(options.delimiter)
    this.#builder = new BatchBuilder(
      columns.map(({ column }) => column),
      options.batchBytes,
    )
    this.#readers = columns.map(({ column }) => cellReader(column.type, config.bytes))
    this.#places = Int32Array.from(columns, ({ field }) => field * 3)
    this.#unescape = columns.map(({ column }) => config.unescape_formulas && column.type.kind === 'text')
    this.#null = Buffer.from(config.null_value)
    this.#sparse = columns.length !== fields.length
    this.#headerLeft = options.header
  }

  parse(data: Uint8Array, from: number, end: number, final: boolean): number {
    // Fewer bytes than a byte order mark decide nothing yet.
    if (!this.#started && end - from < BOM.length && !final) return from
    const scanner = this.#scanner
    const builder = this.#builder
    const width = this.#options.fields.length
    const whole = final ? end : data.lastIndexOf(LF, end - 1) + 1
    const valid = whole <= from || isUtf8(data.subarray(from, whole))
    let at = this.#behindBom(data, from, end)
    let run = at
    while (at < end) {
      const outcome = scanner.record(data, at, end, final)
      if (outcome === INCOMPLETE) break
      const row = this.#headerLeft ? 0 : this.rowsRead + 1
      if (outcome !== COMPLETE) throw invalidFile(row, CsvScanner.fault(outcome))
      if (!valid && !isUtf8(data.subarray(at, scanner.next))) throw invalidFile(row, 'the text is not UTF-8')
      at = scanner.next
      if (this.#headerLeft) {
        this.#headerLeft = false
        run = at
        continue
      }
      if (scanner.count !== width) throw invalidFile(row, `it has ${scanner.count} fields instead of ${width}`)
      this.#row(data, this.#sparse ? undefined : builder.regionStart - run)
      this.rowsRead = row
      if (builder.size + (this.#sparse ? 0 : at - run) >= builder.limit) {
        if (!this.#sparse) builder.region(data, run, at)
        run = at
        this.flush(false)
      }
    }
    if (!this.#sparse && at > run) builder.region(data, run, at)
    return at
  }

  flush(evenIfEmpty: boolean): void {
    if (this.#builder.rowCount > 0 || evenIfEmpty) this.#options.emit(this.#builder.finish())
  }

  /** `common`: what is added to an offset where the whole record will be copied. */
  #row(data: Uint8Array, common: number | undefined): void {
    const builder = this.#builder
    const places = this.#places
    const readers = this.#readers
    const { fields } = this.#scanner
    builder.beginRow()
    for (let column = 0; column < places.length; column++) {
      const place = places[column]!
      let start = fields[place]!
      let end = fields[place + 1]!
      const how = fields[place + 2]!
      if (how === PLAIN && this.#isNull(data, start, end)) {
        builder.putNull()
        continue
      }
      if (how === DOUBLED) end = joinQuotes(data, start, end)
      if (this.#unescape[column] === true && data[start] === 0x27 && isFormula(data, start, end)) start++
      const shift = common ?? builder.regionStart - start
      const reader = readers[column]
      if (reader === undefined) {
        builder.put(start + shift, end + shift)
      } else {
        const outcome = reader(builder, data, start, end, shift)
        if (outcome === MISFIT) throw this.#misfit(column)
        if (outcome === CONVERTED) {
          // The text that no cell covers must not travel: a mask would not see it.
          data.fill(0, start, end)
          continue
        }
      }
      if (common === undefined) builder.region(data, start, end)
    }
    builder.endRow()
  }

  #isNull(data: Uint8Array, start: number, end: number): boolean {
    const word = this.#null
    if (end - start !== word.length) return false
    for (let i = 0; i < word.length; i++) if (data[start + i] !== word[i]) return false
    return true
  }

  #behindBom(data: Uint8Array, from: number, end: number): number {
    if (this.#started) return from
    this.#started = true
    return BOM.every((byte, index) => from + index < end && data[from + index] === byte) ? from + BOM.length : from
  }

  #misfit(column: number): Error {
    const { name, type } = this.#options.columns[column]!.column
    return invalidFile(this.rowsRead + 1, `column ${name} is not ${type.kind}`)
  }
}
