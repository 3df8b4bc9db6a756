const MICROSECONDS = 1_000_000n
const DAY_SECONDS = 86_400
/** 0001-01-01 00:00:00 in microseconds of the Unix epoch. */
const FIRST_MOMENT = -62_135_596_800_000_000n

/** A moment `YYYY-MM-DD hh:mm:ss[.ffffff]` that many seconds earlier, in the same form; undefined where that is before the
 * year 1, which means no bound at all. Fractions are kept to the microsecond. */
export function earlierMoment(text: string, seconds: number): string | undefined {
  const [whole = '', fraction = ''] = text.split('.')
  const [date = '', time = ''] = whole.split(' ')
  const [hours = 0, minutes = 0, rest = 0] = time.split(':').map(Number)
  const of = BigInt(dayNumber(date)) * BigInt(DAY_SECONDS) + BigInt(hours * 3600 + minutes * 60 + rest)
  const moment = of * MICROSECONDS + BigInt(fraction.padEnd(6, '0').slice(0, 6))
  const earlier = moment - BigInt(Math.round(seconds * 1e6))
  if (earlier < FIRST_MOMENT) return undefined
  const micros = ((earlier % MICROSECONDS) + MICROSECONDS) % MICROSECONDS
  const iso = new Date(Number((earlier - micros) / 1000n)).toISOString()
  return `${iso.slice(0, 10)} ${iso.slice(11, 19)}${micros === 0n ? '' : `.${String(micros).padStart(6, '0')}`}`
}

/** A date `YYYY-MM-DD` so many seconds earlier, rounded to the day before: a day is either read again or not. */
export function earlierDate(text: string, seconds: number): string | undefined {
  const day = dayNumber(text) - Math.ceil(seconds / DAY_SECONDS)
  const moment = BigInt(day) * BigInt(DAY_SECONDS) * MICROSECONDS
  return moment < FIRST_MOMENT ? undefined : new Date(day * DAY_SECONDS * 1000).toISOString().slice(0, 10)
}

/** A decimal number less so many units, exactly; of the lag nine fraction digits count. */
export function lowerDecimal(text: string, units: number): string {
  const [whole = '0', fraction = ''] = text.split('.')
  const [lagWhole = '0', lagFraction = ''] = units.toFixed(Number.isInteger(units) ? 0 : 9).split('.')
  const scale = Math.max(fraction.length, lagFraction.length)
  const difference = BigInt(whole + fraction.padEnd(scale, '0')) - BigInt(lagWhole + lagFraction.padEnd(scale, '0'))
  if (scale === 0) return String(difference)
  const digits = String(difference < 0n ? -difference : difference).padStart(scale + 1, '0')
  return `${difference < 0n ? '-' : ''}${digits.slice(0, -scale)}.${digits.slice(-scale)}`
}

/** Days since 1970-01-01. */
function dayNumber(date: string): number {
  const [year = 1, month = 1, day = 1] = date.split('-').map(Number)
  // Not Date.UTC, which takes the years 0 to 99 for 1900 to 1999.
  return new Date(0).setUTCFullYear(year, month - 1, day) / (DAY_SECONDS * 1000)
}
