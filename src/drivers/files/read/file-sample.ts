import type { LogicalType } from '../../../core/column-type.js'
import { invalidFile } from '../errors.js'
import { COMPLETE, CsvScanner, DOUBLED, INCOMPLETE, PLAIN } from './csv-scanner.js'
import { isNumberWord } from './json-decoder.js'
import { ESCAPED, FALSE, JsonLineScanner, jsonText, MISSING, NESTED, NULL, NUMBER, TRUE } from './json-scanner.js'
import type { RecordParser } from './record-feed.js'
import { TypeGuess } from './type-guess.js'

const LF = 0x0a
const BOM = [0xef, 0xbb, 0xbf] as const

/** The beginning of a file: the names of its fields and what their values look like. */
export interface Sample extends RecordParser {
  /** Enough was seen. */
  readonly done: boolean
  readonly fields: readonly string[]
  /** The type of a field by its values. */
  typeOf(field: number): LogicalType
}

/** The header of a CSV file, or the width of its first record, and the first rows for guesses. */
export class CsvSample implements Sample {
  fields: readonly string[] = []
  #header: boolean
  #rows: number
  #nullWord: string
  #scanner: CsvScanner
  #guesses: TypeGuess[] = []
  #seen = 0
  #started = false

  /** `rows`: how many are looked at for types; 0 for none. */
  constructor(options: {
    readonly delimiter: number
    readonly header: boolean
    readonly rows: number
    readonly nullWord: string
  }) {
    this.#scanner = new CsvScanner(options.delimiter)
    this.#header = options.header
    this.#rows = options.rows
    this.#nullWord = options.nullWord
  }

  get done(): boolean {
    return this.fields.length > 0 && this.#seen >= this.#rows
  }

  typeOf(field: number): LogicalType {
    return this.#guesses[field]?.type ?? { kind: 'text' }
  }

  parse(data: Uint8Array, from: number, end: number, final: boolean): number {
    let at = from
    if (!this.#started) {
      if (end - from < BOM.length && !final) return from
      this.#started = true
      if (BOM.every((byte, index) => data[from + index] === byte)) at += BOM.length
    }
    const scanner = this.#scanner
    while (at < end && !this.done) {
      const outcome = scanner.record(data, at, end, final)
      if (outcome === INCOMPLETE) return at
      if (outcome !== COMPLETE) throw invalidFile(this.#seen, CsvScanner.fault(outcome))
      this.#take(this.#texts(data))
      at = scanner.next
    }
    return end
  }

  #take(texts: readonly (string | null)[]): void {
    if (this.fields.length > 0 || !this.#header) this.#seen++
    if (this.fields.length === 0) {
      this.fields = this.#header ? texts.map((text) => text ?? '') : texts.map((_, index) => `column${index + 1}`)
      this.#guesses = texts.map(() => new TypeGuess())
      if (this.#header) return
    }
    texts.forEach((text, field) => {
      if (text !== null) this.#guesses[field]?.add(text)
    })
  }

  #texts(data: Uint8Array): (string | null)[] {
    const { fields, count } = this.#scanner
    const naming = this.#header && this.fields.length === 0
    return Array.from({ length: count }, (_, field) => {
      const [start, end, how] = [fields[field * 3]!, fields[field * 3 + 1]!, fields[field * 3 + 2]!]
      const text = Buffer.from(data.buffer, data.byteOffset + start, end - start).toString('utf8')
      if (how === PLAIN && !naming && text === this.#nullWord) return null
      return how === DOUBLED ? text.replaceAll('""', '"') : text
    })
  }
}

/** The keys of the first objects of a JSONL file, and the kinds of their values. */
export class JsonSample implements Sample {
  #rows: number
  #infer: boolean
  #seen = 0
  #scanner = new JsonLineScanner([], true)
  /** Kinds that were seen, one bit each, and guesses, by field. */
  #kinds: number[] = []
  #guesses: TypeGuess[] = []

  constructor(options: { readonly rows: number; readonly infer: boolean }) {
    this.#rows = options.rows
    this.#infer = options.infer
  }

  get done(): boolean {
    return this.#seen >= this.#rows
  }

  get fields(): readonly string[] {
    return this.#scanner.fields
  }

  typeOf(field: number): LogicalType {
    const kinds = this.#kinds[field] ?? 0
    const guess = this.#guesses[field]
    if (kinds === SCALARS.boolean) return { kind: 'boolean' }
    if (kinds === SCALARS.number) return this.#infer && guess !== undefined ? guess.type : { kind: 'decimal' }
    // Nothing but words such as NaN is text, and so is everything that was never seen.
    if ((kinds | SCALARS.word) === (SCALARS.number | SCALARS.word) && (kinds & SCALARS.number) !== 0) {
      return { kind: this.#infer ? 'float64' : 'decimal' }
    }
    if ((kinds & ~(SCALARS.text | SCALARS.word)) === 0) {
      return this.#infer && guess !== undefined ? textual(guess.type) : { kind: 'text' }
    }
    // Values of several kinds keep their notation: 1 and "1" are two things.
    return { kind: 'json', storage: 'json' }
  }

  parse(data: Uint8Array, from: number, end: number, final: boolean): number {
    let at = from
    if (this.#seen === 0 && BOM.every((byte, index) => data[from + index] === byte)) at += BOM.length
    while (at < end && !this.done) {
      const found = data.indexOf(LF, at)
      if ((found === -1 || found >= end) && !final) return this.#seen === 0 ? from : at
      const lineEnd = found === -1 || found >= end ? end : found
      const fault = this.#scanner.line(data, at, lineEnd)
      this.#seen++
      if (fault !== 0) throw invalidFile(this.#seen, JsonLineScanner.fault(fault))
      this.#scanner.fields.forEach((_, field) => {
        this.#look(field, data)
      })
      at = Math.min(end, lineEnd + 1)
    }
    return end
  }

  #look(field: number, data: Uint8Array): void {
    const kind = this.#scanner.kinds[field]!
    if (kind === MISSING || kind === NULL) return
    const start = this.#scanner.spans[field * 2]!
    const end = this.#scanner.spans[field * 2 + 1]!
    const guess = this.#guesses[field] ?? new TypeGuess()
    this.#guesses[field] = guess
    let bit: number = SCALARS.text
    if (kind === TRUE || kind === FALSE) bit = SCALARS.boolean
    else if (kind === NESTED) bit = SCALARS.nested
    else {
      const raw = Buffer.from(data.buffer, data.byteOffset + start, end - start).toString('utf8')
      const text = kind === ESCAPED ? (jsonText(data, start, end) ?? '') : raw
      if (kind === NUMBER) bit = SCALARS.number
      else if (isNumberWord(text)) bit = SCALARS.word
      guess.add(text)
    }
    this.#kinds[field] = (this.#kinds[field] ?? 0) | bit
  }
}

const SCALARS = { text: 1, number: 2, boolean: 4, nested: 8, word: 16 } as const

/** A text that looks like a number or a truth value was meant as text: JSON has both. */
function textual(type: LogicalType): LogicalType {
  const stays = type.kind === 'date' || type.kind === 'timestamp' || type.kind === 'timestamptz' || type.kind === 'uuid'
  return stays ? type : { kind: 'text' }
}
