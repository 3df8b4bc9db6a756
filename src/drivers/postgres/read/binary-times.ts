/** Days from 1970-01-01, where the calendar arithmetic below begins, to 2000-01-01, where Postgres does. */
const EPOCH_DAYS = 10_957

const DAY = 86_400_000_000n
const MAX_DATE = 2 ** 31 - 1
const MAX_STAMP = 2n ** 63n - 1n

/** A count of days as ISO text; the least and the greatest are the infinities. */
export function binaryDate(days: number): string {
  if (days === MAX_DATE) return 'infinity'
  if (days === -MAX_DATE - 1) return '-infinity'
  const { day, era } = civil(days)
  return day + era
}

/** A count of microseconds as time of day; 24:00:00 is one. */
export function binaryTime(micros: bigint): string {
  const seconds = micros / 1_000_000n
  const clock = [seconds / 3600n, (seconds / 60n) % 60n, seconds % 60n]
  return clock.map((part) => String(part).padStart(2, '0')).join(':') + fraction(micros % 1_000_000n)
}

/** A count of microseconds as ISO text, with `zone` behind the time. */
export function binaryTimestamp(micros: bigint, zone: string): string {
  if (micros === MAX_STAMP) return 'infinity'
  if (micros === -MAX_STAMP - 1n) return '-infinity'
  const time = ((micros % DAY) + DAY) % DAY
  const { day, era } = civil(Number((micros - time) / DAY))
  return `${day} ${binaryTime(time)}${zone}${era}`
}

/** ISO 8601 as Postgres writes it with the style iso_8601: each part has a sign of its own. */
export function binaryInterval(micros: bigint, days: number, months: number): string {
  const extremes = [micros === MAX_STAMP, days === MAX_DATE, months === MAX_DATE]
  if (extremes.every(Boolean)) return 'infinity'
  const least = [micros === -MAX_STAMP - 1n, days === -MAX_DATE - 1, months === -MAX_DATE - 1]
  if (least.every(Boolean)) return '-infinity'
  const part = (value: number | bigint, letter: string) => (Number(value) === 0 ? '' : `${value}${letter}`)
  const date = part(Math.trunc(months / 12), 'Y') + part(months % 12, 'M') + part(days, 'D')
  const seconds = micros % 60_000_000n
  const sign = seconds < 0n ? '-' : ''
  const size = seconds < 0n ? -seconds : seconds
  const last = size === 0n ? '' : `${sign}${size / 1_000_000n}${fraction(size % 1_000_000n)}S`
  const time = part(micros / 3_600_000_000n, 'H') + part((micros / 60_000_000n) % 60n, 'M') + last
  if (date === '' && time === '') return 'PT0S'
  return `P${date}${time === '' ? '' : `T${time}`}`
}

function fraction(micros: bigint): string {
  return micros === 0n ? '' : `.${String(micros).padStart(6, '0').replace(/0+$/, '')}`
}

/** Gregorian date of a count of days, by eras of 400 years (Hinnant, "chrono-Compatible Low-Level Date Algorithms"). */
function civil(days: number): { readonly day: string; readonly era: string } {
  const shifted = days + EPOCH_DAYS + 719_468
  const era = Math.floor(shifted / 146_097)
  const dayOfEra = shifted - era * 146_097
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  )
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100))
  const shiftedMonth = Math.floor((5 * dayOfYear + 2) / 153)
  const day = dayOfYear - Math.floor((153 * shiftedMonth + 2) / 5) + 1
  const month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
  const text = [String(year > 0 ? year : 1 - year).padStart(4, '0'), pad(month), pad(day)].join('-')
  return { day: text, era: year > 0 ? '' : ' BC' }
}

function pad(number: number): string {
  return String(number).padStart(2, '0')
}
