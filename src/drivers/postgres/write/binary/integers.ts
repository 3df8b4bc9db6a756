import { putInt64 } from './int64.js'

const MINUS = 0x2d
const ZERO = 0x30

/** int2 or int4 out of ASCII digits: the place behind it, or -1 for text that is no such integer, which the server has to
 * judge. */
export function putInteger(
  data: Uint8Array,
  start: number,
  end: number,
  view: DataView,
  at: number,
  bytes: 2 | 4,
): number {
  const negative = data[start] === MINUS
  const first = negative ? start + 1 : start
  if (first === end || end - first > 10) return -1
  let value = 0
  for (let i = first; i < end; i++) {
    const digit = data[i]! - ZERO
    if (digit < 0 || digit > 9) return -1
    value = value * 10 + digit
  }
  const most = (bytes === 2 ? 0x7fff : 0x7fffffff) + (negative ? 1 : 0)
  if (value > most) return -1
  const signed = negative ? -value : value
  if (bytes === 2) view.setInt16(at, signed)
  else view.setInt32(at, signed)
  return at + bytes
}

/** int8 out of ASCII digits, in two parts of which each is exact; otherwise like `putInteger`. */
export function putBigint(data: Uint8Array, start: number, end: number, view: DataView, at: number): number {
  const negative = data[start] === MINUS
  const first = negative ? start + 1 : start
  const digits = end - first
  if (digits < 1 || digits > 19) return -1
  const split = Math.max(first, end - 9)
  let high = 0
  for (let i = first; i < split; i++) {
    const digit = data[i]! - ZERO
    if (digit < 0 || digit > 9) return -1
    high = high * 10 + digit
  }
  let low = 0
  for (let i = split; i < end; i++) {
    const digit = data[i]! - ZERO
    if (digit < 0 || digit > 9) return -1
    low = low * 10 + digit
  }
  // 9223372036 854775807, and one more below zero.
  if (high > 9_223_372_036 || (high === 9_223_372_036 && low > (negative ? 854_775_808 : 854_775_807))) return -1
  putInt64(view, at, negative ? -high : high, 1e9, negative ? -low : low)
  return at + 8
}
