import { intervalOf } from '../../../core/interval-parts.js'
import type { MysqlPolicies } from '../policies.js'
import {
  asciiOf,
  type CellEdit,
  type RuleContext,
  refusedByPolicy,
  type ValueRule,
  valueRejected,
} from './value-rule.js'

const ZERO = 0x30
const POINT = 0x2e
const DASH = 0x2d
const PLUS = 0x2b
const LETTER_C = 0x43

/** TIME of MySQL ends here; MariaDB has a fraction behind it. */
const MAX_TIME_SECONDS = 838 * 3600 + 59 * 60 + 59

/** Where a moment may lie: `least` and `greatest` in the form of the column. */
interface Span {
  readonly least: string
  readonly greatest: string
}

/** Dates and moments into DATE, DATETIME or TIMESTAMP: infinite ones, those of years that the column lacks by their policy;
 * a fraction of a second that would be cut is refused, since the server cuts without a word. */
export function momentRule(
  context: RuleContext,
  policies: MysqlPolicies,
  into: string,
  digits: number,
  zoned: boolean,
): ValueRule {
  const span = spanOf(into, digits)
  const narrow = into === 'timestamp'
  return (edit, data, start, to) => {
    let end = to
    if (zoned && end - start > 3 && data[end - 3] === PLUS && data[end - 2] === ZERO && data[end - 1] === ZERO) end -= 3
    // YYYY-MM-DD: anything longer in front of the first dash is a year that no column holds.
    const plain = end - start >= 10 && data[start + 4] === DASH && data[start] !== DASH && data[end - 1] !== LETTER_C
    if (!plain) return outOfRange(edit, context, policies, span, asciiOf(data, start, end))
    const yearZero =
      data[start] === ZERO && data[start + 1] === ZERO && data[start + 2] === ZERO && data[start + 3] === ZERO
    if (yearZero) return outOfRange(edit, context, policies, span, '-')
    const rest = end - start - 10
    if (rest === 0) return
    if (into === 'date') throw valueRejected(context.column)
    const fit = fractionEnd(data, start + 19, end, digits)
    if (fit < 0) throw valueRejected(context.column)
    if (narrow) {
      const text = asciiOf(data, start, fit)
      if (text < span.least || text > span.greatest) return outOfRange(edit, context, policies, span, text)
    }
    if (fit < to) edit.cut(fit)
  }
}

/** Times of day, and those of MySQL's TIME: only the fraction can be lost. */
export function timeRule(context: RuleContext, digits: number): ValueRule {
  return (edit, data, start, end) => {
    let point = start
    while (point < end && data[point] !== POINT) point++
    const fit = fractionEnd(data, point, end, digits)
    if (fit < 0) throw valueRejected(context.column)
    if (fit < end) edit.cut(fit)
  }
}

/** Text into a column of dates or times: the server reads it, and would cut its fraction or shift its zone silently. */
export function textMomentRule(context: RuleContext, digits: number): ValueRule {
  return (_edit, data, start, end) => {
    const [, fraction = ''] = /^[\d: T-]*(?:\.(\d*?)0*)?$/.exec(asciiOf(data, start, end)) ?? ['', '\u0000'.repeat(9)]
    if (fraction.length > digits) throw valueRejected(context.column)
  }
}

/** An interval into TIME, or into a number of microseconds. Months and days have no fixed length in these. */
export function intervalRule(context: RuleContext, into: 'time' | 'micros', digits: number): ValueRule {
  return (edit, data, start, end) => {
    const parts = intervalOf(asciiOf(data, start, end))
    if (parts === undefined || parts.months !== 0 || parts.days !== 0) throw refusedByPolicy(context.column)
    const micros = BigInt(parts.seconds) * 1_000_000n + BigInt(parts.micros)
    if (into === 'micros') return edit.replace(String(micros))
    const size = micros < 0n ? -micros : micros
    if (size > BigInt(MAX_TIME_SECONDS) * 1_000_000n + 999_999n) throw refusedByPolicy(context.column)
    const fraction = String(size % 1_000_000n)
      .padStart(6, '0')
      .replace(/0+$/, '')
    if (fraction.length > digits) throw valueRejected(context.column)
    edit.replace(`${micros < 0n ? '-' : ''}${clock(Number(size / 1_000_000n))}${fraction === '' ? '' : `.${fraction}`}`)
  }
}

/** `hh:mm:ss[.ffffff]±hh[:mm[:ss]]` as the time of day in UTC. */
export function timeWithZoneRule(context: RuleContext, digits: number): ValueRule {
  return (edit, data, start, end) => {
    const match = /^(\d\d):(\d\d):(\d\d)(?:\.(\d+?)0*)?([+-])(\d\d)(?::(\d\d))?(?::(\d\d))?$/.exec(
      asciiOf(data, start, end),
    )
    if (match === null) throw valueRejected(context.column)
    const [, h, m, s, fraction = '', sign, zh, zm = '0', zs = '0'] = match
    if (fraction.length > digits) throw valueRejected(context.column)
    const offset = (Number(zh) * 3600 + Number(zm) * 60 + Number(zs)) * (sign === '-' ? -1 : 1)
    const seconds = (Number(h) * 3600 + Number(m) * 60 + Number(s) - offset + 2 * 86_400) % 86_400
    context.count('timetz')
    edit.replace(`${clock(seconds)}${fraction === '' ? '' : `.${fraction}`}`)
  }
}

/** Where the fraction behind `point` ends once zeros beyond `digits` are left out; -1 if digits would be lost, or if
 * something else stands there. */
function fractionEnd(data: Uint8Array, point: number, end: number, digits: number): number {
  if (point >= end) return point === end ? end : -1
  if (data[point] !== POINT) return -1
  for (let at = point + 1; at < end; at++) if (data[at]! < ZERO || data[at]! > 0x39) return -1
  if (end - point - 1 <= digits) return end
  let last = end
  while (last > point + 1 + digits && data[last - 1] === ZERO) last--
  if (last - point - 1 > digits) return -1
  return digits === 0 ? point : last
}

function outOfRange(edit: CellEdit, context: RuleContext, policies: MysqlPolicies, span: Span, text: string): void {
  const early = /BC|^-/.test(text) || (/^\d{4}-/.test(text) && text < span.least)
  if (!early && !/^infinity$|^\d{4,}-/.test(text)) throw valueRejected(context.column)
  context.count('out_of_range_dates')
  if (policies.out_of_range_dates === 'error') throw refusedByPolicy(context.column)
  if (policies.out_of_range_dates === 'null') edit.null()
  else edit.replace(early ? span.least : span.greatest)
}

function spanOf(into: string, digits: number): Span {
  const fraction = digits === 0 ? '' : `.${'9'.repeat(digits)}`
  if (into === 'date') return { least: '0001-01-01', greatest: '9999-12-31' }
  if (into === 'timestamp') return { least: '1970-01-01 00:00:01', greatest: `2038-01-19 03:14:07${fraction}` }
  return { least: '0001-01-01 00:00:00', greatest: `9999-12-31 23:59:59${fraction}` }
}

function clock(seconds: number): string {
  const two = (value: number) => String(Math.floor(value)).padStart(2, '0')
  return `${two(seconds / 3600)}:${two((seconds % 3600) / 60)}:${two(seconds % 60)}`
}
