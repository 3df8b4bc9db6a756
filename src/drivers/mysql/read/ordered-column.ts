import { AirlockError } from '../../../errors/index.js'
import type { WireField } from '../native.js'
import { mysqlPolicies } from '../policies.js'
import { quoteName, quoteText } from '../sql.js'
import { mysqlColumn } from './columns.js'
import { earlierDate, earlierMoment, lowerDecimal } from './lag.js'

/** A column whose values can be bounds of a read: how they are written in SQL, and how they come back without loss. */
export interface OrderedColumn {
  readonly name: string
  /** What to compare, sort and take the greatest of. */
  readonly sql: string
  /** Wraps an SQL expression of the column's type so that the wire carries the whole value. */
  read(expression: string): string
  /** What the wire carried, as canonical text; `bytes` as `\x` and hex digits. */
  canonical(wire: string): string
  /** A value in SQL, typed as the column. Throws CONFIG_INVALID at `at` for a text that is no such value. */
  literal(text: string, at: string): string
  /** The value that lies `lag` before another; undefined for one before every value. */
  earlier(text: string, lag: number, at: string): string | undefined
  /** True for rows whose value matches no bound: NULL, and a date that is zero, which is NULL elsewhere. */
  readonly missing: string
}

const INTEGER = /^-?\d{1,20}$/
const DECIMAL = /^-?\d{1,65}(\.\d{1,38})?$/
const FLOAT = /^-?\d+(\.\d+)?(e[+-]?\d+)?$/i
const MOMENT = /^(\d{4}-\d\d-\d\d)(?:[ T](\d\d:\d\d:\d\d)(\.\d{1,6})?(?:Z|\+00(?::?00)?)?)?$/
const TIME = /^-?\d{2,3}:\d\d:\d\d(\.\d{1,6})?$/
const HEX = /^(?:\\x)?((?:[0-9a-f]{2})*)$/i

type Behaviour = Pick<OrderedColumn, 'literal' | 'earlier'> & Partial<OrderedColumn>

/** What is needed to bound a read by a column of this kind. Throws CONFIG_INVALID, at `at`, for a type without an order
 * that both a server and a saved text agree on: JSON, geometry, bits, sets. */
export function orderedColumn(field: WireField, at: string): OrderedColumn {
  const identifier = quoteName(field.name)
  return {
    name: field.name,
    sql: identifier,
    read: (expression) => expression,
    canonical: (wire) => wire,
    missing: `${identifier} IS NULL`,
    ...behaviour(field, identifier, at),
  }
}

function behaviour(field: WireField, identifier: string, at: string): Behaviour {
  const { column, conversion } = mysqlColumn(field, mysqlPolicies())
  const { type, sourceType } = column
  const zero = (first: string) => `(${identifier} IS NULL OR ${identifier} < ${first})`
  switch (type.kind) {
    case 'int16':
    case 'int32':
    case 'int64':
    case 'uint64':
      return numbers(INTEGER, String, (text, lag) => lowerDecimal(text, Math.ceil(lag)))
    case 'decimal':
      return numbers(DECIMAL, String, lowerDecimal)
    case 'float64':
      return numbers(FLOAT, double, (text, lag) => String(Number(text) - lag))
    case 'float32':
      return {
        // As a double on both sides: six digits of a FLOAT are another number.
        ...numbers(
          FLOAT,
          (text) => double(String(Math.fround(Number(text)))),
          (text, lag) => String(Number(text) - lag),
        ),
        read: (expression) => `${expression} * 1e0`,
        canonical: (wire) => String(Number(wire)),
      }
    case 'date':
      return {
        literal: (text, where) => dateLiteral(dateOf(text, where)),
        earlier: (text, lag, where) => earlierDate(dateOf(text, where), lag),
        missing: zero("DATE'0001-01-01'"),
      }
    case 'timestamp':
    case 'timestamptz':
      return {
        literal: (text, where) => momentLiteral(momentOf(text, where)),
        earlier: (text, lag, where) => earlierMoment(momentOf(text, where), lag),
        canonical: (wire) => (type.kind === 'timestamptz' ? `${wire}+00` : wire),
        // TIMESTAMP has no value before 1970 but its zero.
        missing: zero("TIMESTAMP'0001-01-01 00:00:00'"),
      }
    case 'interval':
      return { literal: checked(TIME, (text) => `TIME'${text}'`), earlier: noLag }
    case 'uuid':
    case 'text':
      // An ENUM sorts by its number and compares by its label.
      return {
        literal: quoteText,
        earlier: noLag,
        ...(sourceType === 'enum' ? { sql: `CAST(${identifier} AS CHAR)` } : {}),
      }
    case 'bytes':
      if (conversion !== 'copy') break
      return {
        literal: checked(HEX, (text) => `x'${text.replace('\\x', '')}'`),
        earlier: noLag,
        read: (expression) => `LOWER(HEX(${expression}))`,
        canonical: (wire) => `\\x${wire}`,
      }
    default:
  }
  throw invalid(at, 'a column of this type has no order that could be saved')
}

function numbers(
  shape: RegExp,
  write: (text: string) => string,
  minus: (text: string, lag: number) => string,
): Behaviour {
  return { literal: checked(shape, write), earlier: (text, lag, at) => minus(checked(shape, String)(text, at), lag) }
}

function checked(shape: RegExp, write: (text: string) => string): (text: string, at: string) => string {
  return (text, at) => {
    if (!shape.test(text)) throw invalid(at, 'the value does not fit the type of the column')
    return write(text)
  }
}

/** A number without an exponent is an exact one to the server. */
function double(text: string): string {
  return /e/i.test(text) ? text : `${text}e0`
}

function dateOf(text: string, at: string): string {
  const [, date] = MOMENT.exec(text) ?? []
  if (date === undefined) throw invalid(at, 'the value is not a date')
  return date
}

function momentOf(text: string, at: string): string {
  const [, date, time = '00:00:00', fraction = ''] = MOMENT.exec(text) ?? []
  if (date === undefined) throw invalid(at, 'the value is not a time in UTC')
  return `${date} ${time}${fraction}`
}

/** A date whose month or day is zero is refused as a literal, and compares well as a number. */
function dateLiteral(date: string): string {
  return date.includes('-00') ? date.replaceAll('-', '') : `DATE'${date}'`
}

function momentLiteral(moment: string): string {
  return moment.slice(0, 10).includes('-00') ? moment.replace(/[-: ]/g, '') : `TIMESTAMP'${moment}'`
}

function noLag(_text: string, _lag: number, at: string): never {
  throw invalid(at, 'a lag needs a column of numbers or times')
}

function invalid(at: string, problem: string): AirlockError {
  return new AirlockError('CONFIG_INVALID', { phase: 'plan', params: { at, problem } })
}
