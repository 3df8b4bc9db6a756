import type { BatchBuilder } from '../../../core/batch-builder.js'
import { type CellReader, CONVERTED, IN_PLACE } from './cell-reader.js'

const ZERO = 0x30
const MINUS = 0x2d
const COLON = 0x3a
const POINT = 0x2e
const BLANK = 0x20
const PLUS = 0x2b
const T = 0x54
const Z = 0x5a
/** `YYYY-MM-DD hh:mm:ss` */
const MOMENT_BYTES = 19

/** A reader that takes the usual form of a date and time in UTC, byte by byte, and leaves every other one to `slow`: years
 * of four digits, days up to the 28th of February, `Z` or `+00` where there is a zone. */
export function momentReader(zoned: boolean, precision: number, slow: CellReader): CellReader {
  return (builder, data, start, end, shift) => {
    const behind = plainMoment(data, start, end, precision)
    if (behind < 0) return slow(builder, data, start, end, shift)
    const blank = data[start + 10] === BLANK
    if (!zoned) {
      if (behind !== end) return slow(builder, data, start, end, shift)
      if (!blank) return putMoment(builder, data, start, behind, false)
      builder.put(start + shift, end + shift)
      return IN_PLACE
    }
    const utc = end - behind === 3 && data[behind] === PLUS && data[behind + 1] === ZERO && data[behind + 2] === ZERO
    if (utc && blank) {
      builder.put(start + shift, end + shift)
      return IN_PLACE
    }
    if (!utc && !(end - behind === 1 && data[behind] === Z)) return slow(builder, data, start, end, shift)
    return putMoment(builder, data, start, behind, true)
  }
}

/** Where the time ends, or -1 for a text that needs another look. */
function plainMoment(data: Uint8Array, start: number, end: number, precision: number): number {
  if (end - start < MOMENT_BYTES) return -1
  const century = twoDigits(data, start)
  const year = twoDigits(data, start + 2)
  const month = twoDigits(data, start + 5)
  const day = twoDigits(data, start + 8)
  const between = data[start + 10]
  if (data[start + 4] !== MINUS || data[start + 7] !== MINUS || (between !== BLANK && between !== T)) return -1
  if (century < 0 || year < 0 || century + year === 0 || month < 1 || month > 12) return -1
  // The ends of months are left to the calendar.
  if (day < 1 || day > (month === 2 ? 28 : 30)) return -1
  if (data[start + 13] !== COLON || data[start + 16] !== COLON) return -1
  const hours = twoDigits(data, start + 11)
  const minutes = twoDigits(data, start + 14)
  const seconds = twoDigits(data, start + 17)
  if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59 || seconds < 0 || seconds > 59) return -1
  let at = start + MOMENT_BYTES
  if (at === end || data[at] !== POINT) return at
  const first = ++at
  while (at < end && data[at]! >= ZERO && data[at]! <= 0x39) at++
  return at === first || at - first > precision ? -1 : at
}

/** The number of two digits, or -1. */
function twoDigits(data: Uint8Array, at: number): number {
  const tens = data[at]! - ZERO
  const ones = data[at + 1]! - ZERO
  return tens < 0 || tens > 9 || ones < 0 || ones > 9 ? -1 : tens * 10 + ones
}

function putMoment(
  builder: BatchBuilder,
  data: Uint8Array,
  start: number,
  end: number,
  zoned: boolean,
): typeof CONVERTED {
  const length = end - start
  const tail = builder.convert(length + 3)
  const at = builder.tailAt
  for (let i = 0; i < length; i++) tail[at + i] = data[start + i]!
  tail[at + 10] = BLANK
  if (zoned) {
    tail[at + length] = PLUS
    tail[at + length + 1] = ZERO
    tail[at + length + 2] = ZERO
  }
  builder.putConverted(zoned ? length + 3 : length)
  return CONVERTED
}
