const ZERO = 0x30
const HYPHEN = 0x2d
const SPACE = 0x20
const LETTER_T = 0x54
const BC = [0x20, 0x42, 0x43] as const

const MONTH_DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] as const

/** Reads `YYYY-MM-DD`, alone or before a time of day, from bytes (ISO 8601 with the ` BC` of Postgres). One reader is
 * reused for all cells of a column: after `read` returned true its fields describe that cell. Years are astronomical:
 * 1 BC is 0. */
export class IsoDateReader {
  year = 0
  month = 0
  day = 0
  /** Where the time of day begins, with its separator; equals `timeEnd` when there is none. */
  timeStart = 0
  timeEnd = 0

  /** False when data[start, end) is not exactly a date of the calendar, with or without a time. */
  read(data: Uint8Array, start: number, end: number): boolean {
    let stop = end
    const beforeChrist = end - start > 10 && BC.every((byte, i) => data[end - 3 + i] === byte)
    if (beforeChrist) stop -= 3
    let at = start
    let year = 0
    while (at < stop && isDigit(data[at]!)) year = year * 10 + data[at++]! - ZERO
    if (at - start < 4 || at - start > 7 || stop - at < 6) return false
    if (data[at] !== HYPHEN || data[at + 3] !== HYPHEN) return false
    this.month = twoDigits(data, at + 1)
    this.day = twoDigits(data, at + 4)
    this.year = beforeChrist ? 1 - year : year
    if (year < 1 || !isDay(this.year, this.month, this.day)) return false
    this.timeStart = at + 6
    this.timeEnd = stop
    return this.timeStart === stop || isTimeOfDay(data, this.timeStart, stop)
  }
}

/** Days since 1970-01-01 in the proleptic Gregorian calendar (Howard Hinnant, days_from_civil). */
export function daysFromCivil(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year
  const era = Math.floor(y / 400)
  const yearOfEra = y - era * 400
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear
  return era * 146097 + dayOfEra - 719468
}

/** The inverse of `daysFromCivil`. */
export function civilFromDays(days: number): { readonly year: number; readonly month: number; readonly day: number } {
  const z = days + 719468
  const era = Math.floor(z / 146097)
  const dayOfEra = z - era * 146097
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36524) - Math.floor(dayOfEra / 146096)) / 365,
  )
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100))
  const shifted = Math.floor((5 * dayOfYear + 2) / 153)
  const month = shifted < 10 ? shifted + 3 : shifted - 9
  return {
    year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0),
    month,
    day: dayOfYear - Math.floor((153 * shifted + 2) / 5) + 1,
  }
}

/** Whether data[start, end) spells `infinity` or `-infinity`, which canonical dates and timestamps may be. */
export function isInfinity(data: Uint8Array, start: number, end: number): boolean {
  const from = data[start] === HYPHEN ? start + 1 : start
  if (end - from !== INFINITY.length) return false
  for (let i = 0; i < INFINITY.length; i++) if (data[from + i] !== INFINITY[i]) return false
  return true
}

const INFINITY = Buffer.from('infinity', 'latin1')

function isDay(year: number, month: number, day: number): boolean {
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)
  const days = month === 2 && leap ? 29 : (MONTH_DAYS[month - 1] ?? 0)
  return day >= 1 && day <= days
}

/** `[ T]hh:mm[:ss[.f…]]` and an optional zone, and nothing else: what follows a shifted date is copied. */
function isTimeOfDay(data: Uint8Array, start: number, end: number): boolean {
  if (data[start] !== SPACE && data[start] !== LETTER_T) return false
  let text = ''
  for (let i = start + 1; i < end; i++) text += String.fromCharCode(data[i]!)
  return /^\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?: ?(?:Z|[+-]\d\d(?::?\d\d(?::?\d\d)?)?))?$/.test(text)
}

function twoDigits(data: Uint8Array, at: number): number {
  return isDigit(data[at]!) && isDigit(data[at + 1]!) ? (data[at]! - ZERO) * 10 + data[at + 1]! - ZERO : -1
}

function isDigit(byte: number): boolean {
  return byte >= ZERO && byte <= ZERO + 9
}
