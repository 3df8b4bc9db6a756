import type { LogicalType } from '../../../core/column-type.js'
import { AirlockError } from '../../../errors/index.js'
import type { GraphqlPolicies } from '../policies.js'
import { type ExactJson, exactText } from './exact-json.js'
import { type ReadTime, readDate, readTime, readTimestamp } from './instants.js'

/** Canonical text of one value, or null; docs/types.md. */
export type ToCell = (value: ExactJson) => string | null

const INTEGER = /^-?(?:0|[1-9]\d*)$/
const DECIMAL = /^([+-]?)(\d+)(?:\.(\d*))?(?:[eE]([+-]?\d{1,4}))?$/
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

const RANGES = {
  int16: [-(2n ** 15n), 2n ** 15n - 1n],
  int32: [-(2n ** 31n), 2n ** 31n - 1n],
  int64: [-(2n ** 63n), 2n ** 63n - 1n],
  uint64: [0n, 2n ** 64n - 1n],
} as const

/** How values of a column become cells. A value that is none of its type fails with VALUE_MISTYPED, which names the
 * column: it is never changed, cut or left out silently. */
export function cellOf(type: LogicalType, column: string, policies: GraphqlPolicies): ToCell {
  const refuse = (): AirlockError => new AirlockError('VALUE_MISTYPED', { phase: 'extract', params: { at: column } })
  const of = (read: (value: ExactJson) => string | undefined): ToCell => {
    return (value) => {
      if (value.kind === 'null') return null
      const text = read(value)
      if (text === undefined) throw refuse()
      return text
    }
  }
  const timed = (read: (text: string) => ReadTime | undefined) =>
    of((value) => (value.kind === 'string' ? policies.settle(read(value.text), column) : undefined))
  switch (type.kind) {
    case 'boolean':
      return of((value) => (value.kind === 'boolean' ? (value.value ? 't' : 'f') : undefined))
    case 'int16':
    case 'int32':
    case 'int64':
    case 'uint64': {
      const [least, most] = RANGES[type.kind]
      return of((value) => integer(numeral(value), least, most))
    }
    case 'decimal':
      return of((value) => plainDecimal(numeral(value)))
    case 'float32':
    case 'float64':
      return of((value) => float(value, type.kind === 'float32'))
    case 'date':
      return of((value) => (value.kind === 'string' ? readDate(value.text) : undefined))
    case 'time':
      return timed(readTime)
    case 'timestamp':
      return timed((text) => readTimestamp(text, false))
    case 'timestamptz':
      return timed((text) => readTimestamp(text, true))
    case 'uuid':
      return of((value) => uuid(value))
    case 'json':
      return of(exactText)
    default:
      return of((value) => (value.kind === 'string' ? value.text : exactText(value)))
  }
}

/** The digits of a number, which custom scalars may carry as a string. */
function numeral(value: ExactJson): string | undefined {
  return value.kind === 'number' || value.kind === 'string' ? value.text : undefined
}

function integer(text: string | undefined, least: bigint, most: bigint): string | undefined {
  // `1e3` and `1.0` are integers too.
  const plain = text !== undefined && INTEGER.test(text) ? text : plainDecimal(text)?.replace(/\.0+$/, '')
  if (plain === undefined || plain.length > 40 || !INTEGER.test(plain)) return undefined
  const number = BigInt(plain)
  return number < least || number > most ? undefined : String(number)
}

/** Without an exponent, with every digit: `1.50e1` is `15.0`. */
function plainDecimal(text: string | undefined): string | undefined {
  const [, sign, whole, fraction = '', exponent = '0'] = DECIMAL.exec(text ?? '') ?? []
  if (whole === undefined || Math.abs(Number(exponent)) > 1000) return undefined
  const point = whole.length + Number(exponent)
  const digits = whole + fraction
  const left = point <= 0 ? '0' : digits.slice(0, point).padEnd(point, '0')
  const right = point < 0 ? '0'.repeat(-point) + digits : digits.slice(point)
  const number = `${left.replace(/^0+(?=\d)/, '')}${right === '' ? '' : `.${right}`}`
  return sign === '-' && /[1-9]/.test(number) ? `-${number}` : number
}

/** Shortest text that reads back the same; words of custom scalars for what JSON has no number for. */
function float(value: ExactJson, single: boolean): string | undefined {
  if (value.kind === 'string' && /^(?:NaN|-?Infinity)$/.test(value.text)) return value.text
  if (value.kind !== 'number') return undefined
  const number = Number(value.text)
  if (!Number.isFinite(number)) return undefined
  if (Object.is(number, -0)) return '-0'
  return single ? shortestSingle(number) : String(number)
}

function shortestSingle(number: number): string | undefined {
  const single = Math.fround(number)
  if (!Number.isFinite(single)) return undefined
  for (let digits = 6; digits < 9; digits++) {
    const text = String(Number(single.toPrecision(digits)))
    if (Math.fround(Number(text)) === single) return text
  }
  return String(Number(single.toPrecision(9)))
}

function uuid(value: ExactJson): string | undefined {
  const text = value.kind === 'string' ? value.text.toLowerCase() : ''
  return UUID.test(text) ? text : undefined
}
