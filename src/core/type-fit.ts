import type { LogicalType } from './column-type.js'

/** Whether the canonical bytes `data[start, end)` of one cell fit. */
export type CellTest = (data: Uint8Array, start: number, end: number) => boolean

/** Decimal digits of the greatest value of each integer kind. */
const INTEGER_DIGITS = { int16: 5, int32: 10, int64: 19, uint64: 20 } as const

type IntegerKind = keyof typeof INTEGER_DIGITS

const LIMITS: Readonly<Record<IntegerKind, readonly [least: bigint, greatest: bigint]>> = {
  int16: [-32768n, 32767n],
  int32: [-2147483648n, 2147483647n],
  int64: [-9223372036854775808n, 9223372036854775807n],
  uint64: [0n, 18446744073709551615n],
}

/** Decimal digits that a binary number holds exactly, whatever the value (IEEE 754). */
const EXACT_DIGITS = { float32: 6, float64: 15 } as const

/** The longest canonical text of kinds whose length has a bound. */
const TEXT_LENGTHS: Readonly<Partial<Record<LogicalType['kind'], number>>> = {
  boolean: 1,
  int16: 6,
  int32: 11,
  int64: 20,
  uint64: 20,
  float32: 24,
  float64: 24,
  date: 16,
  time: 18,
  timestamp: 32,
  timestamptz: 35,
  uuid: 36,
  interval: 64,
}

/** Whether every value of `from` is held exactly by `into`. False also where nobody can tell without the value. */
export function holds(into: LogicalType, from: LogicalType): boolean {
  if (into.kind === 'text') {
    if (from.kind === 'bytes') return false
    const length = from.kind === 'text' ? from.length : textLength(from)
    return into.length === undefined || (length !== undefined && length <= into.length)
  }
  const number = exact(from)
  if (number !== undefined) return holdsNumber(into, from, number)
  switch (into.kind) {
    case 'float64':
      return from.kind === 'float32' || from.kind === 'float64'
    case 'float32':
      return from.kind === 'float32'
    case 'decimal':
      return (
        into.precision === undefined && (from.kind === 'float32' || from.kind === 'float64' || from.kind === 'decimal')
      )
    case 'timestamp':
    case 'timestamptz':
      return from.kind === 'date' || (from.kind === into.kind && digitsOf(from) <= digitsOf(into))
    case 'time':
      return from.kind === 'time' && digitsOf(from) <= digitsOf(into)
    case 'interval':
      return from.kind === 'interval' || from.kind === 'time'
    case 'bit':
      return from.kind === 'bit' && from.length === into.length
    case 'array':
      return from.kind === 'array' && holds(into.element, from.element)
    default:
      return from.kind === into.kind
  }
}

/** The least type that holds both exactly: what a column of type `into` is widened to for values of `from`. Integers grow
 * up to decimals, decimals and fractions of a second in their digits, varchar in its length, dates to timestamps, real to
 * double. Undefined for types that have nothing in common. */
export function commonType(into: LogicalType, from: LogicalType): LogicalType | undefined {
  if (holds(into, from)) return into
  if (into.kind === 'text') {
    if (from.kind === 'bytes' || into.length === undefined) return undefined
    const length = from.kind === 'text' ? from.length : textLength(from)
    return length === undefined ? { kind: 'text' } : { kind: 'text', length: Math.max(length, into.length) }
  }
  if (isWider(into, from)) return from
  const [a, b] = [exact(into), exact(from)]
  if (a !== undefined && b !== undefined) {
    const scale = Math.max(a.scale, b.scale)
    return { kind: 'decimal', precision: Math.max(a.digits - a.scale, b.digits - b.scale) + scale, scale }
  }
  if (into.kind === 'decimal' && from.kind === 'decimal') return { kind: 'decimal' }
  if (a !== undefined && from.kind === 'decimal') return { kind: 'decimal' }
  if (into.kind === 'float32' && holds({ kind: 'float64' }, from)) return { kind: 'float64' }
  return undefined
}

/** A test of single values for `into` where `holds` has no answer for all; undefined where only the server knows. */
export function cellTest(into: LogicalType, from: LogicalType): CellTest | undefined {
  if (into.kind === 'text') {
    if (from.kind === 'bytes') return () => false
    const { length } = into
    return length === undefined
      ? undefined
      : (data, start, end) => end - start <= length || characters(data, start, end) <= length
  }
  if (from.kind === 'bytes' || into.kind === 'bytes') return from.kind === into.kind ? undefined : () => false
  const text = textTest(into)
  return text === undefined ? undefined : (data, start, end) => text(ascii(data, start, end))
}

function textTest(into: LogicalType): ((text: string) => boolean) | undefined {
  switch (into.kind) {
    case 'boolean':
      return (text) => text === 't' || text === 'f'
    case 'int16':
    case 'int32':
    case 'int64':
    case 'uint64': {
      const [least, greatest] = LIMITS[into.kind]
      return (text) => {
        const parts = /^(-?\d{1,40})(?:\.0*)?$/.exec(text)
        if (parts === null) return false
        const value = BigInt(parts[1]!)
        return value >= least && value <= greatest
      }
    }
    case 'decimal': {
      const { precision, scale = 0 } = into
      if (precision === undefined) return (text) => /^-?(\d+(\.\d*)?|NaN|Infinity)$/.test(text)
      return (text) => fitsDecimal(text, precision, scale)
    }
    case 'float32':
    case 'float64': {
      const most = EXACT_DIGITS[into.kind]
      return (text) => /^(-?Infinity|NaN)$/.test(text) || significantDigits(text) <= most
    }
    case 'date':
      return (text) => /^(-?infinity|\d{4,}-\d\d-\d\d( 00:00:00(\.0+)?(\+00)?)?( BC)?)$/.test(text)
    case 'time':
    case 'timestamp':
    case 'timestamptz': {
      const most = digitsOf(into)
      const shape = into.kind === 'time' ? /^\d\d:\d\d:\d\d(?:\.(\d+))?$/ : INSTANT
      return (text) => {
        const parts = shape.exec(text)
        return parts !== null && (parts[1] ?? '').replace(/0+$/, '').length <= most
      }
    }
    case 'uuid':
      return (text) => /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/i.test(text)
    case 'bit':
      return (text) => text.length === into.length && /^[01]*$/.test(text)
    default:
      return undefined
  }
}

const INSTANT = /^(?:-?infinity|\d{4,}-\d\d-\d\d(?: \d\d:\d\d:\d\d(?:\.(\d+))?(?:\+00)?)?(?: BC)?)$/

function fitsDecimal(text: string, precision: number, scale: number): boolean {
  if (text === 'NaN') return true
  const parts = /^-?0*(\d*)(?:\.(\d*?)0*)?$/.exec(text)
  if (parts === null || !/\d/.test(text)) return false
  const [, whole = '', fraction = ''] = parts
  if (fraction.length > Math.max(scale, 0)) return false
  // numeric(2,-3) holds thousands; numeric(3,5) holds what begins behind two zeros.
  if (scale < 0 && /[1-9]/.test(whole.slice(scale))) return false
  if (scale > precision && /[1-9]/.test(fraction.slice(0, scale - precision))) return false
  return whole.length <= Math.max(precision - scale, 0)
}

function significantDigits(text: string): number {
  const parts = /^-?(\d*)(?:\.(\d*))?(?:e[-+]?\d+)?$/i.exec(text)
  if (parts === null) return Number.POSITIVE_INFINITY
  return `${parts[1] ?? ''}${parts[2] ?? ''}`.replace(/^0+/, '').replace(/0+$/, '').length
}

/** Digits of a number whose digits have a bound, and how many of them are behind the point. */
function exact(type: LogicalType): { readonly digits: number; readonly scale: number } | undefined {
  if (type.kind in INTEGER_DIGITS) return { digits: INTEGER_DIGITS[type.kind as IntegerKind], scale: 0 }
  if (type.kind !== 'decimal' || type.precision === undefined) return undefined
  return { digits: type.precision, scale: type.scale ?? 0 }
}

function holdsNumber(
  into: LogicalType,
  from: LogicalType,
  { digits, scale }: { readonly digits: number; readonly scale: number },
): boolean {
  switch (into.kind) {
    case 'int16':
    case 'int32':
    case 'int64':
    case 'uint64': {
      if (from.kind === 'decimal')
        return scale <= 0 && digits - scale < INTEGER_DIGITS[into.kind] && into.kind !== 'uint64'
      const [[least, greatest], [min, max]] = [LIMITS[into.kind], LIMITS[from.kind as IntegerKind]]
      return min >= least && max <= greatest
    }
    case 'decimal':
      return (
        into.precision === undefined ||
        (scale <= (into.scale ?? 0) && digits - scale <= into.precision - (into.scale ?? 0))
      )
    case 'float32':
    case 'float64':
      return scale <= 0 && digits <= EXACT_DIGITS[into.kind]
    default:
      return false
  }
}

/** The stream's own type holds all that the target's does. Numbers that are exact stay so, and text says nothing about
 * the values in it. */
function isWider(into: LogicalType, from: LogicalType): boolean {
  if (from.kind === 'text' || ((from.kind === 'float32' || from.kind === 'float64') && exact(into) !== undefined))
    return false
  return holds(from, into) && !(from.kind === 'decimal' && into.kind !== 'decimal' && exact(into) === undefined)
}

function textLength(type: LogicalType): number | undefined {
  if (type.kind === 'bit') return type.length
  if (type.kind === 'decimal')
    return type.precision === undefined ? undefined : Math.max(type.precision, type.scale ?? 0) + 3
  return TEXT_LENGTHS[type.kind]
}

function digitsOf(type: LogicalType): number {
  return 'precision' in type ? (type.precision ?? 6) : 6
}

/** Characters of UTF-8: every byte but the continuation bytes. */
function characters(data: Uint8Array, start: number, end: number): number {
  let count = 0
  for (let i = start; i < end; i++) if ((data[i]! & 0xc0) !== 0x80) count++
  return count
}

/** Kinds other than text are ASCII; for text only whether it looks like one of them matters. */
function ascii(data: Uint8Array, start: number, end: number): string {
  return Buffer.from(data.buffer, data.byteOffset + start, end - start).toString('latin1')
}
