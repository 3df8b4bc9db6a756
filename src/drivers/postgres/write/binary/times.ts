import { putInt64 } from './int64.js'

const DASH = 0x2d
const COLON = 0x3a
const ZERO = 0x30

const DAY_SECONDS = 86_400

const MONTH_DAYS = Uint8Array.of(0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
const DAYS_BEFORE = Uint16Array.of(0, 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334)

const SHIFT_YEARS = 4800
/** Days from 4801 BC, which is the year 0 of the count, to 2000-01-01, where dates of Postgres begin. */
const SHIFT_DAYS = 6799 * 365 + 1699 - 67 + 16

/** Days before and behind that: 4714-11-24 BC, 5874897-12-31, and for time stamps 294276-12-31. */
const FIRST_DAY = -2_451_545
const LAST_DAY = 2_145_031_948
const LAST_STAMP_DAY = 106_751_982

const NO_DATE = Number.NaN

/** What may stand behind a time stamp: nothing, or `+00` as a time stamp with a zone has it. */
export type Zone = 'none' | 'utc'

/** date out of `YYYY-MM-DD`, with ` BC`, or `infinity`: the place behind it, or -1 for text that the server has to judge. */
export function putDate(data: Uint8Array, start: number, end: number, view: DataView, at: number): number {
  const endless = infinityOf(data, start, end)
  if (endless !== 0) {
    view.setInt32(at, endless > 0 ? 0x7fffffff : -0x80000000)
    return at + 4
  }
  const era = eraAt(data, start, end)
  const days = daysOf(data, start, era, era < end)
  if (!(days >= FIRST_DAY && days <= LAST_DAY)) return -1
  view.setInt32(at, days)
  return at + 4
}

/** timestamp or timestamptz, as microseconds, out of `YYYY-MM-DD[ hh:mm:ss[.ffffff][+00]][ BC]` or `infinity`; with
 * `+00` only where the target has a zone. Without a zone the session's is meant, which is UTC. */
export function putTimestamp(
  data: Uint8Array,
  start: number,
  end: number,
  view: DataView,
  at: number,
  zone: Zone,
): number {
  const endless = infinityOf(data, start, end)
  if (endless !== 0) {
    view.setInt32(at, endless > 0 ? 0x7fffffff : -0x80000000)
    view.setInt32(at + 4, endless > 0 ? -1 : 0)
    return at + 8
  }
  const era = eraAt(data, start, end)
  let dateEnd = start
  while (dateEnd < era && data[dateEnd] !== 0x20) dateEnd++
  const days = daysOf(data, start, dateEnd, era < end)
  if (!(days >= FIRST_DAY && days <= LAST_STAMP_DAY)) return -1
  if (dateEnd === era) {
    putInt64(view, at, days * DAY_SECONDS, 1e6, 0)
    return at + 8
  }
  let clockEnd = era
  if (data[era - 3] === 0x2b) {
    if (zone === 'none' || data[era - 2] !== ZERO || data[era - 1] !== ZERO) return -1
    clockEnd = era - 3
  }
  const seconds = secondsOf(data, dateEnd + 1, clockEnd)
  const micros = microsOf(data, dateEnd + 9, clockEnd)
  if (seconds < 0 || seconds >= DAY_SECONDS || micros < 0) return -1
  putInt64(view, at, days * DAY_SECONDS + seconds, 1e6, micros)
  return at + 8
}

/** time, as microseconds, out of `hh:mm:ss[.ffffff]` up to 24:00:00; otherwise like `putDate`. */
export function putTime(data: Uint8Array, start: number, end: number, view: DataView, at: number): number {
  const seconds = secondsOf(data, start, end)
  const micros = microsOf(data, start + 8, end)
  if (seconds < 0 || micros < 0 || seconds * 1e6 + micros > DAY_SECONDS * 1e6) return -1
  putInt64(view, at, seconds, 1e6, micros)
  return at + 8
}

/** 1 for `infinity`, -1 for `-infinity`, else 0. */
function infinityOf(data: Uint8Array, start: number, end: number): number {
  const negative = data[start] === DASH
  const name = negative ? '-infinity' : 'infinity'
  if (end - start !== name.length) return 0
  for (let i = 0; i < name.length; i++) if (data[start + i] !== name.charCodeAt(i)) return 0
  return negative ? -1 : 1
}

/** Where ` BC` begins, or the end. */
function eraAt(data: Uint8Array, start: number, end: number): number {
  const at = end - 3
  return at > start && data[at] === 0x20 && data[at + 1] === 0x42 && data[at + 2] === 0x43 ? at : end
}

/** Days since 2000-01-01 of a date in the Gregorian calendar; NaN where there is no such date. */
function daysOf(data: Uint8Array, start: number, end: number, before: boolean): number {
  const digits = end - start - 6
  if (digits < 4 || digits > 7 || data[end - 6] !== DASH || data[end - 3] !== DASH) return NO_DATE
  let year = 0
  for (let i = start; i < end - 6; i++) {
    const digit = data[i]! - ZERO
    if (digit < 0 || digit > 9) return NO_DATE
    year = year * 10 + digit
  }
  const month = two(data, end - 5)
  const day = two(data, end - 2)
  if (year === 0 || !(month >= 1 && month <= 12)) return NO_DATE
  if (before) year = 1 - year
  const leap = isLeap(year)
  if (!(day >= 1 && day <= (month === 2 && leap ? 29 : MONTH_DAYS[month]!))) return NO_DATE
  // Twelve whole cycles of 400 years later no year is before the first.
  const years = year + SHIFT_YEARS - 1
  const leapDays = ((years / 4) | 0) - ((years / 100) | 0) + ((years / 400) | 0)
  return years * 365 + leapDays + DAYS_BEFORE[month]! + (leap && month > 2 ? 1 : 0) + day - 1 - SHIFT_DAYS
}

function isLeap(year: number): boolean {
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)
}

/** Seconds of `hh:mm:ss`, or -1. */
function secondsOf(data: Uint8Array, start: number, end: number): number {
  if (end - start < 8 || data[start + 2] !== COLON || data[start + 5] !== COLON) return -1
  const hours = two(data, start)
  const minutes = two(data, start + 3)
  const seconds = two(data, start + 6)
  if (hours < 0 || hours > 24 || minutes < 0 || minutes > 59 || seconds < 0 || seconds > 59) return -1
  return hours * 3600 + minutes * 60 + seconds
}

/** Microseconds of `.f` to `.ffffff`, 0 of nothing, or -1. */
function microsOf(data: Uint8Array, start: number, end: number): number {
  if (start === end) return 0
  if (data[start] !== 0x2e || end - start < 2 || end - start > 7) return -1
  let value = 0
  for (let i = start + 1; i < start + 7; i++) {
    const digit = i < end ? data[i]! - ZERO : 0
    if (digit < 0 || digit > 9) return -1
    value = value * 10 + digit
  }
  return value
}

/** A number of two digits, or -1. */
function two(data: Uint8Array, at: number): number {
  const tens = data[at]! - ZERO
  const ones = data[at + 1]! - ZERO
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : -1
}
