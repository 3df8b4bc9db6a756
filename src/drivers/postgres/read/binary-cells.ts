import type { LogicalType } from '../../../core/column-type.js'
import { AirlockError } from '../../../errors/index.js'
import { binaryDate, binaryInterval, binaryTime, binaryTimestamp } from './binary-times.js'

/** The canonical bytes of a value in binary form, as the type's send function writes it; network byte order throughout.
 * Throws PROTOCOL_ERROR for a type that is never read in this form. */
export function binaryCell(type: LogicalType, value: Buffer): Uint8Array {
  switch (type.kind) {
    case 'text':
    case 'bytes':
      return value
    case 'json':
      // In front of jsonb stands the number of its version.
      return type.storage === 'jsonb' ? value.subarray(1) : value
    default:
      return Buffer.from(binaryText(type, value), 'latin1')
  }
}

function binaryText(type: LogicalType, value: Buffer): string {
  switch (type.kind) {
    case 'boolean':
      return value[0] === 0 ? 'f' : 't'
    case 'int16':
      return String(value.readInt16BE())
    case 'int32':
      return String(value.readInt32BE())
    case 'int64':
      return String(value.readBigInt64BE())
    case 'float32':
      return floatText(value.readFloatBE(), 6, Math.fround)
    case 'float64':
      return floatText(value.readDoubleBE(), 15, (number) => number)
    case 'decimal':
      return numericText(value)
    case 'uuid':
      return value.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
    case 'date':
      return binaryDate(value.readInt32BE())
    case 'time':
      return binaryTime(value.readBigInt64BE())
    case 'timestamp':
      return binaryTimestamp(value.readBigInt64BE(), '')
    case 'timestamptz':
      return binaryTimestamp(value.readBigInt64BE(), '+00')
    case 'interval':
      return binaryInterval(value.readBigInt64BE(), value.readInt32BE(8), value.readInt32BE(12))
    default:
      throw new AirlockError('PROTOCOL_ERROR', { phase: 'extract' })
  }
}

/** The fewest digits that read back the same, with an exponent where Postgres writes one: from `plain` digits in front of
 * the point on, and behind more than four zeros. Of several such texts for a number Postgres may choose another. */
function floatText(number: number, plain: number, round: (number: number) => number): string {
  if (Number.isNaN(number)) return 'NaN'
  if (!Number.isFinite(number)) return number > 0 ? 'Infinity' : '-Infinity'
  if (number === 0) return Object.is(number, -0) ? '-0' : '0'
  let digits = 0
  let text = number.toExponential(digits)
  while (round(Number(text)) !== number) text = number.toExponential(++digits)
  const [mantissa, power] = text.split('e') as [string, string]
  const exponent = Number(power)
  // Written out, the digits and the point are those that the fraction needs.
  if (exponent >= -4 && exponent < plain) return number.toFixed(Math.max(0, digits - exponent))
  return `${mantissa}e${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`
}

const NAN = 0xc000
const INFINITE = 0xd000
const MINUS_INFINITE = 0xf000
const NEGATIVE = 0x4000

/** Count of digits, weight of the first, sign, digits to show behind the point; then digits of base 10,000. */
function numericText(value: Buffer): string {
  const count = value.readInt16BE()
  const weight = value.readInt16BE(2)
  const sign = value.readUInt16BE(4)
  const scale = value.readInt16BE(6)
  if (sign === NAN) return 'NaN'
  if (sign === INFINITE) return 'Infinity'
  if (sign === MINUS_INFINITE) return '-Infinity'
  const digit = (index: number) =>
    String(index < 0 || index >= count ? 0 : value.readInt16BE(8 + index * 2)).padStart(4, '0')
  let whole = ''
  for (let index = 0; index <= weight; index++) whole += digit(index)
  let fraction = ''
  for (let index = weight + 1; fraction.length < scale; index++) fraction += digit(index)
  const text = whole.replace(/^0+(?=\d)/, '') || '0'
  return `${sign === NEGATIVE ? '-' : ''}${text}${scale > 0 ? `.${fraction.slice(0, scale)}` : ''}`
}
