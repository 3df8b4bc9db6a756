import type { LogicalType } from '../../../core/column-type.js'
import { asciiText, type CellReader, IN_PLACE, MISFIT, putAscii, shortText } from './cell-reader.js'

const ZERO = 0x30
const MINUS = 0x2d
const POINT = 0x2e

/** More characters than any number has that a database can hold. */
const MAX_NUMBER = 140_000
/** Beyond this, an exponent only makes digits; no column could hold them. */
const MAX_EXPONENT = 1000

const LIMITS = {
  int16: [-32768n, 32767n],
  int32: [-2147483648n, 2147483647n],
  int64: [-9223372036854775808n, 9223372036854775807n],
  uint64: [0n, 18446744073709551615n],
} as const

/** Digits that any integer of the kind may have. */
const SAFE_DIGITS = { int16: 4, int32: 9, int64: 18, uint64: 19 } as const

/** Integers in decimal digits, also with a sign and leading zeros, which canonical form does not have. */
export function integerReader(kind: keyof typeof LIMITS): CellReader {
  const safe = SAFE_DIGITS[kind]
  const [least, greatest] = LIMITS[kind]
  const slow = shortText((text) => {
    if (!/^[+-]?\d{1,40}$/.test(text)) return undefined
    const value = BigInt(text.startsWith('+') ? text.slice(1) : text)
    return value < least || value > greatest ? undefined : value.toString()
  }, 41)
  return (builder, data, start, end, shift) => {
    const first = kind !== 'uint64' && data[start] === MINUS ? start + 1 : start
    const digits = end - first
    if (digits < 1 || digits > safe || data[first] === ZERO) {
      if (digits === 1 && first === start && data[first] === ZERO) {
        builder.put(start + shift, end + shift)
        return IN_PLACE
      }
      return slow(builder, data, start, end, shift)
    }
    for (let at = first; at < end; at++) {
      const digit = data[at]! - ZERO
      if (digit < 0 || digit > 9) return slow(builder, data, start, end, shift)
    }
    builder.put(start + shift, end + shift)
    return IN_PLACE
  }
}

/** Decimals without loss: digits are kept, an exponent becomes zeros. With a precision, more digits than fit are refused. */
export function decimalReader(type: Extract<LogicalType, { kind: 'decimal' }>): CellReader {
  const { precision, scale = 0 } = type
  const whole = precision === undefined ? Number.POSITIVE_INFINITY : precision - scale
  const fraction = precision === undefined ? Number.POSITIVE_INFINITY : Math.max(0, scale)
  const slow = shortText((text) => {
    const found = canonicalDecimal(text)
    if (found === undefined || precision === undefined || !/\d/.test(found)) return found
    return fitDecimal(found, whole, scale)
  }, MAX_NUMBER)
  return (builder, data, start, end, shift) => {
    const first = data[start] === MINUS ? start + 1 : start
    let point = end
    for (let at = first; at < end; at++) {
      const byte = data[at]!
      if (byte >= ZERO && byte <= 0x39) continue
      if (byte !== POINT || point !== end) return slow(builder, data, start, end, shift)
      point = at
    }
    const digits = point - first
    const behind = point === end ? 0 : end - point - 1
    // Leading zeros, a bare point and minus zero are left to the slow way.
    const plain =
      digits > 0 && (point === end || behind > 0) && (data[first] !== ZERO || (digits === 1 && first === start))
    const counted = digits === 1 && data[first] === ZERO ? 0 : digits
    if (!plain || counted > whole || behind > fraction) return slow(builder, data, start, end, shift)
    builder.put(start + shift, end + shift)
    return IN_PLACE
  }
}

/** The plain digits of a decimal in any notation; undefined for what is none. */
export function canonicalDecimal(text: string): string | undefined {
  const word = /^([+-]?)(nan|inf(?:inity)?)$/i.exec(text)
  if (word !== null) {
    if (word[2]!.toLowerCase() === 'nan') return word[1] === '' ? 'NaN' : undefined
    return word[1] === '-' ? '-Infinity' : 'Infinity'
  }
  const [found, sign, whole = '', fraction = '', exponent = '0'] =
    /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,6}))?$/.exec(text) ?? []
  if (found === undefined || whole + fraction === '') return undefined
  const shift = Number(exponent)
  if (Math.abs(shift) > MAX_EXPONENT) return undefined
  const digits = whole + fraction
  const point = whole.length + shift
  const left = point <= 0 ? '0' : digits.slice(0, point).padEnd(point, '0')
  const right = point <= 0 ? '0'.repeat(-point) + digits : digits.slice(point)
  const integer = left.replace(/^0+(?=\d)/, '')
  const number = right === '' ? integer : `${integer}.${right}`
  return sign === '-' && /[1-9]/.test(digits) ? `-${number}` : number
}

/** Takes off zeros that the scale has no room for; undefined where other digits would go. */
function fitDecimal(text: string, whole: number, scale: number): string | undefined {
  const [, sign, integer, fraction = ''] = /^(-?)(\d+)(?:\.(\d+))?$/.exec(text)!
  const room = Math.max(0, scale)
  if (/[1-9]/.test(fraction.slice(room))) return undefined
  // A negative scale rounds to tens, hundreds and so on.
  if (scale < 0 && !integer!.endsWith('0'.repeat(Math.min(-scale, integer!.length)))) return undefined
  if (integer !== '0' && integer!.length > whole) return undefined
  // A scale beyond the precision leaves room behind zeros only.
  if (whole < 0 && /[1-9]/.test(fraction.slice(0, -whole))) return undefined
  const kept = fraction.slice(0, room)
  return kept === '' ? `${sign}${integer}` : `${sign}${integer}.${kept}`
}

/** Floats in any decimal notation, written as the shortest text that reads back the same (IEEE 754). A number that only
 * infinity could stand for is refused. */
export function floatReader(kind: 'float32' | 'float64'): CellReader {
  const shortest = kind === 'float64' ? shortestDouble : shortestSingle
  return (builder, data, start, end, shift) => {
    if (end - start > 1100) return MISFIT
    const text = asciiText(data, start, end)
    const canonical = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/.test(text) ? shortest(text) : wordOf(text)
    if (canonical === undefined) return MISFIT
    if (canonical !== text) return putAscii(builder, canonical)
    builder.put(start + shift, end + shift)
    return IN_PLACE
  }
}

function wordOf(text: string): string | undefined {
  const found = canonicalDecimal(text)
  return found !== undefined && /^[-NI]/.test(found) ? found : undefined
}

function shortestDouble(text: string): string | undefined {
  const value = Number(text)
  if (!Number.isFinite(value)) return undefined
  return Object.is(value, -0) ? '-0' : String(value)
}

function shortestSingle(text: string): string | undefined {
  const value = Math.fround(Number(text))
  if (!Number.isFinite(value)) return undefined
  if (Object.is(value, -0)) return '-0'
  // Nine digits always read back as the same single.
  for (let digits = 1; digits <= 9; digits++) {
    const short = Number(value.toPrecision(digits))
    if (Math.fround(short) === value) return String(short)
  }
  return String(value)
}
