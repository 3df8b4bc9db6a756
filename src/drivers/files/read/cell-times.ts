import type { LogicalType } from '../../../core/column-type.js'
import { momentReader } from './cell-moments.js'
import { type CellReader, shortText } from './cell-reader.js'

const DAY = 86_400
const DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] as const

const DATE = /^(\d{4,6})-(\d\d)-(\d\d)( BC)?$/
const MOMENT =
  /^(\d{4,6}-\d\d-\d\d)[ Tt](\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?(Z|z|[+-]\d\d(?::?\d\d(?::?\d\d)?)?)?( BC)?$/
const TIME = /^(\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?$/
const INTERVAL =
  /^(?:-?\d{1,10}:\d\d:\d\d(?:\.\d{1,6})?|-?P(?=.)(?:-?\d+Y)?(?:-?\d+M)?(?:-?\d+W)?(?:-?\d+D)?(?:T(?=.)(?:-?\d+H)?(?:-?\d+M)?(?:-?\d+(?:\.\d+)?S)?)?)$/

/** Dates as ISO 8601 writes them, checked against the calendar; also `infinity`, `-infinity` and years BC. */
export const readDate: CellReader = shortText((text) => (isEndless(text) || isDate(text) ? text : undefined), 20)

export const readInterval: CellReader = shortText((text) => (INTERVAL.test(text) ? text : undefined), 80)

/** `hh:mm:ss[.ffffff]`, up to 24:00:00. */
export function timeReader(type: Extract<LogicalType, { kind: 'time' }>): CellReader {
  return shortText((text) => {
    const [, hours, minutes, seconds, fraction = ''] = TIME.exec(text) ?? []
    if (hours === undefined || Number(minutes) > 59 || Number(seconds) > 59) return undefined
    if (fraction.length > (type.precision ?? 6)) return undefined
    const whole = Number(minutes) + Number(seconds) + Number(fraction) === 0
    return Number(hours) < 24 || (hours === '24' && whole) ? text : undefined
  }, 15)
}

/** Date and time with a blank or a T between, and no zone: what a zone would say is not kept. */
export function timestampReader(type: Extract<LogicalType, { kind: 'timestamp' }>): CellReader {
  const slow = shortText((text) => {
    if (isEndless(text)) return text
    const moment = momentOf(text, type.precision)
    if (moment === undefined || moment.zone !== undefined) return undefined
    return `${moment.date} ${moment.time}${moment.era}`
  }, 40)
  return momentReader(false, type.precision ?? 6, slow)
}

/** The same with `Z` or an offset, which is needed: without one nobody knows which moment is meant. Canonical form is UTC. */
export function timestamptzReader(type: Extract<LogicalType, { kind: 'timestamptz' }>): CellReader {
  const slow = shortText((text) => {
    if (isEndless(text)) return text
    const moment = momentOf(text, type.precision)
    if (moment?.zone === undefined) return undefined
    const offset = offsetOf(moment.zone)
    if (offset === undefined) return undefined
    if (offset === 0) return `${moment.date} ${moment.time}+00${moment.era}`
    return shifted(moment, offset)
  }, 50)
  return momentReader(true, type.precision ?? 6, slow)
}

interface Moment {
  readonly date: string
  readonly time: string
  /** Seconds of the day. */
  readonly seconds: number
  /** With its point; empty where there is none. */
  readonly fraction: string
  readonly zone: string | undefined
  readonly era: string
}

function momentOf(text: string, precision = 6): Moment | undefined {
  const [, date, hours, minutes, seconds, digits = '', zone, era = ''] = MOMENT.exec(text) ?? []
  if (date === undefined || !isDate(date + era) || digits.length > precision) return undefined
  if (Number(hours) > 23 || Number(minutes) > 59 || Number(seconds) > 59) return undefined
  const fraction = digits === '' ? '' : `.${digits}`
  return {
    date,
    time: `${hours}:${minutes}:${seconds}${fraction}`,
    seconds: Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds),
    fraction,
    zone,
    era,
  }
}

function isEndless(text: string): boolean {
  return text === 'infinity' || text === '-infinity'
}

function isDate(text: string): boolean {
  const [, year, month, day, era] = DATE.exec(text) ?? []
  if (year === undefined || Number(year) === 0) return false
  const days = DAYS[Number(month) - 1]
  if (days === undefined) return false
  const leap = Number(month) === 2 && isLeap(era === undefined ? Number(year) : 1 - Number(year))
  return Number(day) >= 1 && Number(day) <= days + (leap ? 1 : 0)
}

function isLeap(year: number): boolean {
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)
}

/** Seconds east of UTC. */
function offsetOf(zone: string): number | undefined {
  if (zone === 'Z' || zone === 'z') return 0
  const [hours, minutes = 0, seconds = 0] = zone.slice(1).replaceAll(':', '').match(/\d\d/g)!.map(Number)
  if (hours! > 15 || minutes > 59 || seconds > 59) return undefined
  return (zone.startsWith('-') ? -1 : 1) * (hours! * 3600 + minutes * 60 + seconds)
}

function shifted(moment: Moment, offset: number): string {
  const [year, month, day] = moment.date.split('-').map(Number)
  const astronomical = moment.era === '' ? year! : 1 - year!
  const total = daysOf(astronomical, month!, day!) * DAY + moment.seconds - offset
  const days = Math.floor(total / DAY)
  const rest = total - days * DAY
  const two = (value: number) => String(value).padStart(2, '0')
  const time = `${two(Math.floor(rest / 3600))}:${two(Math.floor(rest / 60) % 60)}:${two(rest % 60)}`
  const date = dateOf(days)
  const era = date.year < 1 ? ' BC' : ''
  const shown = String(date.year < 1 ? 1 - date.year : date.year).padStart(4, '0')
  return `${shown}-${two(date.month)}-${two(date.day)} ${time}${moment.fraction}+00${era}`
}

/** Days since 1970-01-01 of the proleptic Gregorian calendar; the year counts from March, so that a leap day is its last. */
function daysOf(year: number, month: number, day: number): number {
  const shiftedYear = month <= 2 ? year - 1 : year
  const era = Math.floor(shiftedYear / 400)
  const ofEra = shiftedYear - era * 400
  const ofYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1
  return era * 146_097 + ofEra * 365 + Math.floor(ofEra / 4) - Math.floor(ofEra / 100) + ofYear - 719_468
}

function dateOf(days: number): { readonly year: number; readonly month: number; readonly day: number } {
  const shiftedDays = days + 719_468
  const era = Math.floor(shiftedDays / 146_097)
  const ofEra = shiftedDays - era * 146_097
  const years = Math.floor(
    (ofEra - Math.floor(ofEra / 1460) + Math.floor(ofEra / 36_524) - Math.floor(ofEra / 146_096)) / 365,
  )
  const ofYear = ofEra - (365 * years + Math.floor(years / 4) - Math.floor(years / 100))
  const fromMarch = Math.floor((5 * ofYear + 2) / 153)
  const month = fromMarch < 10 ? fromMarch + 3 : fromMarch - 9
  const day = ofYear - Math.floor((153 * fromMarch + 2) / 5) + 1
  return { year: era * 400 + years + (month <= 2 ? 1 : 0), month, day }
}
