/** Powers of ten that a double holds exactly. */
const POWERS = Float64Array.from({ length: 23 }, (_, power) => 10 ** power)

/** Digits of a mantissa that a double holds exactly. */
const EXACT_DIGITS = 15

/** The number that ASCII text stands for: decimal, with or without exponent, `NaN`, `Infinity`, `-Infinity`. NaN for text
 * that is no number. Short mantissas need no string (W. D. Clinger, "How to Read Floating Point Numbers Accurately": both
 * factors are exact, so that the one rounding of their product is right). */
export function floatOf(data: Uint8Array, start: number, end: number): number {
  let at = start
  const negative = data[at] === 0x2d
  if (negative) at++
  let mantissa = 0
  let digits = 0
  let scale = 0
  let seen = false
  let point = false
  for (; at < end; at++) {
    const byte = data[at]!
    if (byte >= 0x30 && byte <= 0x39) {
      seen = true
      mantissa = mantissa * 10 + byte - 0x30
      if (mantissa > 0) digits++
      if (point) scale--
    } else if (byte === 0x2e && !point) point = true
    else break
  }
  if (!seen || digits > EXACT_DIGITS) return slow(data, start, end)
  if (at < end) {
    const exponent = exponentOf(data, at, end)
    if (exponent === undefined) return slow(data, start, end)
    scale += exponent
  }
  if (scale < -22 || scale > 22) return slow(data, start, end)
  const value = scale < 0 ? mantissa / POWERS[-scale]! : mantissa * POWERS[scale]!
  return negative ? -value : value
}

function exponentOf(data: Uint8Array, start: number, end: number): number | undefined {
  let at = start
  if (data[at] !== 0x65 && data[at] !== 0x45) return undefined
  at++
  const negative = data[at] === 0x2d
  if (negative || data[at] === 0x2b) at++
  if (at === end || end - at > 4) return undefined
  let value = 0
  for (; at < end; at++) {
    const digit = data[at]! - 0x30
    if (digit < 0 || digit > 9) return undefined
    value = value * 10 + digit
  }
  return negative ? -value : value
}

function slow(data: Uint8Array, start: number, end: number): number {
  return Number(Buffer.from(data.buffer, data.byteOffset + start, end - start).toString('latin1'))
}
