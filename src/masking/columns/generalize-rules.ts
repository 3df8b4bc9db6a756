import type { ByteSink } from './byte-sink.js'
import type { CellMask } from './cell-mask.js'
import { IsoDateReader, isInfinity } from './iso-date.js'
import { type ColumnTypeName, failedMask, type RuleContext, refusedRule } from './rule-context.js'

/** The column types that `generalize-year` and `date-shift` read. */
export const DATE_TYPES: ReadonlySet<ColumnTypeName> = new Set(['date', 'timestamp', 'timestamptz', 'text'])

/** `generalize-year`: `1984-07-15 10:00:00` becomes `1984`; 44 BC is `-43`, the astronomical count of ISO 8601. Infinite
 * dates become NULL. Date and timestamp columns, and text columns of ISO dates, where any other text throws
 * `MASK_FAILED`, as does a year beyond int16. Gives int16. */
export function compileGeneralizeYear(context: RuleContext): CellMask {
  if (!DATE_TYPES.has(context.type)) {
    throw refusedRule(context.at, 'generalize-year serves date, timestamp and text columns only')
  }
  const reader = new IsoDateReader()
  return {
    rule: context.rule,
    keyed: false,
    oneToOne: false,
    givesNull: true,
    output: 'int16',
    apply(data, start, end, out) {
      if (!reader.read(data, start, end)) {
        if (context.type !== 'text' && isInfinity(data, start, end)) return false
        throw failedMask(context.at)
      }
      if (Math.abs(reader.year) > 32767) throw failedMask(context.at)
      out.appendLatin1(String(reader.year))
      return true
    },
  }
}

const INTEGER_TYPES: ReadonlySet<ColumnTypeName> = new Set(['int16', 'int32', 'int64', 'uint64'])
const NUMBER_TYPES: ReadonlySet<ColumnTypeName> = new Set([...INTEGER_TYPES, 'decimal', 'float32', 'float64', 'text'])

/** `generalize-range-<n>`: a number becomes the range of n whole numbers that holds it, counted from 0: with n = 10,
 * `27` and `27.9` become `20-29`, `-1` becomes `-10--1`. NaN and infinities become NULL. Numeric columns, and text
 * columns of plain decimal numbers, where any other text throws `MASK_FAILED`. n is 2 to 10^15. Gives text. */
export function compileGeneralizeRange(context: RuleContext, size: number): CellMask {
  if (!NUMBER_TYPES.has(context.type)) {
    throw refusedRule(context.at, 'generalize-range serves numeric and text columns only')
  }
  return new RangeMask(context, size)
}

class RangeMask implements CellMask {
  readonly rule: string
  readonly keyed = false
  readonly oneToOne = false
  readonly givesNull = true
  readonly output = 'text'
  readonly #context: RuleContext
  readonly #size: number

  constructor(context: RuleContext, size: number) {
    this.rule = context.rule
    this.#context = context
    this.#size = size
  }

  apply(data: Uint8Array, start: number, end: number, out: ByteSink): boolean {
    const small = smallInteger(data, start, end)
    if (!Number.isNaN(small)) {
      const low = Math.floor(small / this.#size) * this.#size
      out.appendLatin1(`${low}-${low + this.#size - 1}`)
      return true
    }
    const whole = this.#floor(data, start, end)
    if (whole === null) return false
    const size = BigInt(this.#size)
    const rest = ((whole % size) + size) % size
    out.appendLatin1(`${whole - rest}-${whole - rest + size - 1n}`)
    return true
  }

  /** The largest whole number not above the value; null for NaN and the infinities. */
  #floor(data: Uint8Array, start: number, end: number): bigint | null {
    if (end - start > MAX_NUMBER_TEXT) throw failedMask(this.#context.at)
    const text = String.fromCharCode(...data.subarray(start, end))
    if (this.#context.type !== 'text' && /^(?:NaN|-?Infinity)$/.test(text)) return null
    if (/e/.test(text) && this.#context.type.startsWith('float')) {
      const value = Number(text)
      if (Number.isFinite(value)) return BigInt(Math.floor(value))
    }
    const parts = /^([+-]?)(\d+)(?:\.(\d*))?$/.exec(text)
    if (parts === null) throw failedMask(this.#context.at)
    const magnitude = BigInt(parts[2] ?? '')
    if (parts[1] !== '-') return magnitude
    return /[1-9]/.test(parts[3] ?? '') ? -magnitude - 1n : -magnitude
  }
}

/** The longest decimal of Postgres has 131,072 digits before the point and 16,383 after; nobody has such a column. */
const MAX_NUMBER_TEXT = 2000

/** The value of up to 15 digits with an optional minus, or NaN for any other text. */
function smallInteger(data: Uint8Array, start: number, end: number): number {
  const negative = data[start] === 0x2d
  const from = negative ? start + 1 : start
  if (end === from || end - from > 15) return Number.NaN
  let value = 0
  for (let i = from; i < end; i++) {
    const digit = data[i]! - 0x30
    if (digit < 0 || digit > 9) return Number.NaN
    value = value * 10 + digit
  }
  return negative ? -value : value
}
