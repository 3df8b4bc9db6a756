/** What came of reading a time: canonical text, with digits behind the sixth of a second cut off or a zone assumed. */
export interface ReadTime {
  readonly text: string
  /** Digits other than zero were cut. */
  readonly cut: boolean
  /** No zone was written where the type has one. */
  readonly zoneless: boolean
}

const DATE = /^(\d{4})-(\d\d)-(\d\d)$/
const TIME = /^(\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,12}))?)?(Z|[+-]\d\d(?::?\d\d)?)?$/i

/** `YYYY-MM-DD`, where it is a day of the calendar; a time of midnight behind it is left off. */
export function readDate(value: string): string | undefined {
  const day = value.replace(/[T ]00:00(?::00(?:\.0+)?)?(?:Z|[+-]00:?00)?$/i, '')
  return isDay(day) ? day : undefined
}

/** `hh:mm:ss[.ffffff]` without a zone. */
export function readTime(value: string): ReadTime | undefined {
  const parts = timeParts(value)
  if (parts === undefined || parts.zone !== undefined) return undefined
  return { text: parts.text, cut: parts.cut, zoneless: false }
}

/** RFC 3339, also with a blank for the T, without seconds, or without a zone: `YYYY-MM-DD hh:mm:ss[.ffffff]`, in UTC and
 * with `+00` behind it where the type has a zone. */
export function readTimestamp(value: string, zoned: boolean): ReadTime | undefined {
  const [, day, clock] = /^(\d{4}-\d\d-\d\d)[T ](.+)$/i.exec(value) ?? []
  if (day === undefined || clock === undefined || !isDay(day)) return undefined
  const parts = timeParts(clock)
  if (parts === undefined || (parts.zone !== undefined && !zoned)) return undefined
  if (!zoned) return { text: `${day} ${parts.text}`, cut: parts.cut, zoneless: false }
  const shifted =
    parts.zone === undefined || parts.zone === 0 ? `${day} ${parts.text}` : shift(day, parts.text, parts.zone)
  if (shifted === undefined) return undefined
  return { text: `${shifted}+00`, cut: parts.cut, zoneless: parts.zone === undefined }
}

interface TimeParts {
  readonly text: string
  /** Minutes east of Greenwich. */
  readonly zone: number | undefined
  readonly cut: boolean
}

function timeParts(value: string): TimeParts | undefined {
  const [, hours, minutes, seconds = '00', fraction = '', zone] = TIME.exec(value) ?? []
  if (hours === undefined || Number(hours) > 23 || Number(minutes) > 59 || Number(seconds) > 59) return undefined
  const digits = fraction.slice(0, 6).replace(/0+$/, '')
  const offset = zone === undefined ? undefined : minutesOf(zone)
  if (offset !== undefined && Math.abs(offset) > 24 * 60) return undefined
  return {
    text: `${hours}:${minutes}:${seconds}${digits === '' ? '' : `.${digits}`}`,
    zone: offset,
    cut: /[1-9]/.test(fraction.slice(6)),
  }
}

function minutesOf(zone: string): number {
  if (/^z$/i.test(zone)) return 0
  const sign = zone.startsWith('-') ? -1 : 1
  return sign * (Number(zone.slice(1, 3)) * 60 + Number(zone.slice(3).replace(':', '') || 0))
}

/** The fraction is not touched: a Date has no microseconds. */
function shift(day: string, time: string, zone: number): string | undefined {
  const moment = new Date(`${day}T${time.slice(0, 8)}Z`)
  moment.setUTCMinutes(moment.getUTCMinutes() - zone)
  const text = Number.isNaN(moment.getTime()) ? '' : moment.toISOString()
  return /^\d{4}-/.test(text) ? `${text.slice(0, 10)} ${text.slice(11, 19)}${time.slice(8)}` : undefined
}

function isDay(text: string): boolean {
  const [, year, month, day] = DATE.exec(text) ?? []
  if (year === undefined || year === '0000') return false
  const moment = new Date(`${text}T00:00:00Z`)
  return (
    !Number.isNaN(moment.getTime()) && moment.getUTCMonth() + 1 === Number(month) && moment.getUTCDate() === Number(day)
  )
}
