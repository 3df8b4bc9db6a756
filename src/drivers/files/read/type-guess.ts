import { BatchBuilder } from '../../../core/batch-builder.js'
import type { LogicalType } from '../../../core/column-type.js'
import { MISFIT } from './cell-reader.js'
import { cellReader } from './cell-readers.js'

type GuessedKind = 'boolean' | 'int64' | 'decimal' | 'float64' | 'date' | 'timestamp' | 'timestamptz' | 'uuid' | 'text'

/** How a value has to look before its type is tried, so that `007`, `+1` and `t` stay text. */
const SHAPES: readonly (readonly [GuessedKind, RegExp])[] = [
  ['boolean', /^(?:true|false)$/i],
  ['int64', /^(?:0|-?[1-9]\d{0,18})$/],
  ['decimal', /^-?(?:0|[1-9]\d*)(?:\.\d+)?$/],
  ['float64', /^-?(?:0|[1-9]\d*)(?:\.\d+)?[eE][+-]?\d+$/],
  ['date', /^\d{4}-\d\d-\d\d$/],
  ['timestamp', /^\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d+)?$/],
  ['timestamptz', /^\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d/],
  ['uuid', /^[\da-fA-F]{8}-/],
]

/** Longer values are text. */
const MAX_LENGTH = 64

/** The type that all values of a column have so far. */
export class TypeGuess {
  #kind: GuessedKind | undefined

  add(text: string): void {
    if (this.#kind !== 'text') this.#kind = merged(this.#kind, kindOf(text))
  }

  /** Text where there was no value. */
  get type(): LogicalType {
    return { kind: this.#kind ?? 'text' }
  }
}

function merged(before: GuessedKind | undefined, now: GuessedKind): GuessedKind {
  if (before === undefined || before === now) return now
  const isNumber = (kind: GuessedKind) => kind === 'int64' || kind === 'decimal' || kind === 'float64'
  // Decimals hold what both wrote, digit by digit.
  return isNumber(before) && isNumber(now) ? 'decimal' : 'text'
}

function kindOf(text: string): GuessedKind {
  if (text.length > MAX_LENGTH) return 'text'
  for (const [kind, shape] of SHAPES) if (shape.test(text) && fits(kind, text)) return kind
  return 'text'
}

function fits(kind: GuessedKind, text: string): boolean {
  const type: LogicalType = { kind }
  const builder = new BatchBuilder([{ name: 'guess', type, nullable: true, sourceType: '', keyPosition: 0 }], 1024)
  const bytes = Buffer.from(text)
  builder.beginRow()
  return cellReader(type, 'hex')?.(builder, bytes, 0, bytes.length, 0) !== MISFIT
}
