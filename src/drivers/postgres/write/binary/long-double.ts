import { floatOf } from '../../../../core/float-bits.js'

/** Powers of ten that a double holds exactly. */
const POWERS = Float64Array.from({ length: 23 }, (_, power) => 10 ** power)

/** Splits a double in halves of 26 bits, whose products are exact (T. J. Dekker, "A Floating-Point Technique for Extending
 * the Available Precision"). */
const SPLITTER = 2 ** 27 + 1

/** Far above the error of a sum of two doubles, far below the distance of two neighbours. */
const DOUBT = 2 ** -95

/** Like `floatOf`, without a string for the 16 to 19 digits that most doubles have: the digits and the power of ten are
 * multiplied or divided as sums of two doubles, which hold 106 bits. A result so close to the middle of two doubles that
 * these bits do not tell them apart is left to `floatOf`, as all other text is. */
export function doubleOf(data: Uint8Array, start: number, end: number): number {
  const negative = data[start] === 0x2d
  let at = negative ? start + 1 : start
  if (end - at < 16) return floatOf(data, start, end)
  let high = 0
  let low = 0
  let digits = 0
  let point = -1
  for (; at < end; at++) {
    const digit = data[at]! - 0x30
    if (digit < 0 || digit > 9) {
      if (digit !== -2 || point >= 0) break
      point = at
    } else if (digits > 0 || digit > 0) {
      if (++digits <= 10) high = high * 10 + digit
      else low = low * 10 + digit
    }
  }
  let scale = point < 0 ? 0 : point + 1 - at
  if (at < end) {
    const exponent = exponentOf(data, at, end)
    if (exponent === 0) return floatOf(data, start, end)
    scale += exponent
  }
  if (digits < 16 || digits > 19 || scale < -22 || scale > 22) return floatOf(data, start, end)
  const value = scaled(high, POWERS[digits - 10]!, low, scale)
  if (Number.isNaN(value)) return floatOf(data, start, end)
  return negative ? -value : value
}

/** (high × power + low) × 10^scale, rounded once; NaN where that is in doubt. */
function scaled(high: number, power: number, low: number, scale: number): number {
  const product = high * power
  const sum = product + low
  const part = sum - product
  const rest = product - (sum - part) + (low - part) + errorOf(product, high, power)
  const factor = POWERS[Math.abs(scale)]!
  let value: number
  let more: number
  if (scale < 0) {
    value = sum / factor
    const back = value * factor
    more = (sum - back - errorOf(back, value, factor) + rest) / factor
  } else {
    value = sum * factor
    more = errorOf(value, sum, factor) + rest * factor
  }
  const doubt = value * DOUBT
  const result = value + (more + doubt)
  return result === value + (more - doubt) ? result : Number.NaN
}

/** What `product`, which is a × b rounded, lacks. */
function errorOf(product: number, a: number, b: number): number {
  const sa = SPLITTER * a
  const ah = sa - (sa - a)
  const al = a - ah
  const sb = SPLITTER * b
  const bh = sb - (sb - b)
  const bl = b - bh
  return al * bl - (product - ah * bh - al * bh - ah * bl)
}

/** Of `e-07` and the like; 0 where there is none. */
function exponentOf(data: Uint8Array, start: number, end: number): number {
  let at = start + 1
  const negative = data[at] === 0x2d
  if (negative || data[at] === 0x2b) at++
  if ((data[start]! | 0x20) !== 0x65 || at === end || end - at > 3) return 0
  let value = 0
  for (; at < end; at++) {
    const digit = data[at]! - 0x30
    if (digit < 0 || digit > 9) return 0
    value = value * 10 + digit
  }
  return negative ? -value : value
}
