import type { Column } from '../../../core/batch.js'
import type { LogicalType } from '../../../core/column-type.js'
import { AirlockError } from '../../../errors/index.js'
import type { WireField } from '../native.js'
import type { MysqlPolicies } from '../policies.js'

/** How the bytes on the wire become the canonical cell. `copy`: they are it already. */
export type Conversion =
  | 'copy'
  | 'integer' // leading zeros of ZEROFILL and YEAR
  | 'float32' // selected as a double, shortened to what a float holds
  | 'boolean'
  | 'bit'
  | 'bit-boolean'
  | 'date'
  | 'timestamp'
  | 'timestamptz'
  | 'time-of-day'
  | 'set'
  | 'ewkb'
  | 'uuid'

/** One column of a MySQL result: what it is for the target, and how it is read. */
export interface MysqlColumn {
  readonly column: Column
  readonly conversion: Conversion
  /** The expression to select it by, where the plain column would lose something. */
  readonly expression: ((identifier: string) => string) | undefined
}

const FLAG = { NOT_NULL: 1, UNSIGNED: 32, ZEROFILL: 64, ENUM: 256, SET: 2048 } as const
/** The character set number of binary strings. */
const BINARY = 63
/** Bytes of one character in the connection's character set, utf8mb4. */
const MAX_CHARACTER_BYTES = 4

/** What a result column is, from what the wire says of it. Throws TYPE_UNSUPPORTED for a type it does not know. */
export function mysqlColumn(field: WireField, policies: MysqlPolicies, keyPosition = 0): MysqlColumn {
  const { type, sourceType, conversion = 'copy', expression } = describe(field, policies)
  const becomesNull = policies.zero_dates === 'null' && ['date', 'timestamp', 'timestamptz'].includes(conversion)
  const nullable = (field.flags & FLAG.NOT_NULL) === 0 || (becomesNull && keyPosition === 0)
  return { column: { name: field.name, type, nullable, sourceType, keyPosition }, conversion, expression }
}

interface Described {
  readonly type: LogicalType
  readonly sourceType: string
  readonly conversion?: Conversion
  readonly expression?: (identifier: string) => string
}

function describe(field: WireField, policies: MysqlPolicies): Described {
  const unsigned = (field.flags & FLAG.UNSIGNED) !== 0
  const suffix = unsigned ? ' unsigned' : ''
  const integer = (kind: 'int16' | 'int32' | 'int64' | 'uint64', name: string): Described => ({
    type: { kind },
    sourceType: name + suffix,
    conversion: (field.flags & FLAG.ZEROFILL) !== 0 ? 'integer' : 'copy',
  })
  const precision = Math.min(field.decimals, 6)
  const fraction = precision > 0 ? `(${precision})` : ''
  switch (field.type) {
    case 0x01:
      if (field.length === 1 && policies.tinyint1 === 'boolean') {
        return { type: { kind: 'boolean' }, sourceType: 'tinyint(1)', conversion: 'boolean' }
      }
      return integer('int16', field.length === 1 ? 'tinyint(1)' : 'tinyint')
    case 0x02:
      return integer(unsigned ? 'int32' : 'int16', 'smallint')
    case 0x09:
      return integer('int32', 'mediumint')
    case 0x03:
      return integer(unsigned ? 'int64' : 'int32', 'int')
    case 0x08:
      return integer(unsigned ? 'uint64' : 'int64', 'bigint')
    case 0x04:
      // The text protocol shows six digits of a FLOAT. As a double it arrives whole; * keeps the sign of -0.
      return {
        type: { kind: 'float32' },
        sourceType: `float${suffix}`,
        conversion: 'float32',
        expression: (identifier) => `${identifier} * 1e0`,
      }
    case 0x05:
      return { type: { kind: 'float64' }, sourceType: `double${suffix}` }
    case 0x00:
    case 0xf6:
      return decimal(field, unsigned)
    case 0x0a:
    case 0x0e:
      return zeroDates({ kind: 'date' }, 'date', 'date', policies)
    case 0x0c:
      return zeroDates({ kind: 'timestamp', precision }, `datetime${fraction}`, 'timestamp', policies)
    case 0x07:
      return zeroDates({ kind: 'timestamptz', precision }, `timestamp${fraction}`, 'timestamptz', policies)
    case 0x0b:
      return policies.time === 'time'
        ? { type: { kind: 'time', precision }, sourceType: `time${fraction}`, conversion: 'time-of-day' }
        : { type: { kind: 'interval' }, sourceType: `time${fraction}` }
    case 0x0d:
      return { type: { kind: 'int16' }, sourceType: 'year', conversion: 'integer' }
    case 0x10:
      return field.length === 1 && policies.bit1 === 'boolean'
        ? { type: { kind: 'boolean' }, sourceType: 'bit(1)', conversion: 'bit-boolean' }
        : { type: { kind: 'bit', length: field.length }, sourceType: `bit(${field.length})`, conversion: 'bit' }
    case 0xf5:
      return json(policies)
    case 0xff:
      return geometry(policies)
    case 0x06:
      return { type: { kind: 'text' }, sourceType: 'null' }
    case 0x0f:
    case 0xf2:
    case 0xf7:
    case 0xf8:
    case 0xf9:
    case 0xfa:
    case 0xfb:
    case 0xfc:
    case 0xfd:
    case 0xfe:
      return stringLike(field, policies)
    default:
      throw new AirlockError('TYPE_UNSUPPORTED', { phase: 'plan', params: { at: field.name } })
  }
}

function decimal(field: WireField, unsigned: boolean): Described {
  const scale = Math.min(field.decimals, 38)
  const precision = Math.max(1, field.length - (scale > 0 ? 1 : 0) - (unsigned ? 0 : 1))
  const sourceType = `decimal(${precision},${scale})${unsigned ? ' unsigned' : ''}`
  const type: LogicalType = { kind: 'decimal', precision: Math.max(precision, scale), scale }
  return { type, sourceType, conversion: (field.flags & FLAG.ZEROFILL) !== 0 ? 'integer' : 'copy' }
}

function zeroDates(
  type: LogicalType,
  sourceType: string,
  conversion: 'date' | 'timestamp' | 'timestamptz',
  policies: MysqlPolicies,
): Described {
  return policies.zero_dates === 'text' ? { type: { kind: 'text' }, sourceType } : { type, sourceType, conversion }
}

function json(policies: MysqlPolicies): Described {
  const type: LogicalType = policies.json_as === 'text' ? { kind: 'text' } : { kind: 'json', storage: policies.json_as }
  return { type, sourceType: 'json' }
}

function geometry(policies: MysqlPolicies): Described {
  return policies.geometry === 'wkt'
    ? { type: { kind: 'text' }, sourceType: 'geometry', expression: (identifier) => `ST_AsText(${identifier})` }
    : { type: { kind: 'bytes' }, sourceType: 'geometry', conversion: 'ewkb' }
}

function stringLike(field: WireField, policies: MysqlPolicies): Described {
  if (field.extended === 'json') return json(policies)
  if (field.extended === 'uuid') return { type: { kind: 'uuid' }, sourceType: 'uuid' }
  if ((field.flags & FLAG.ENUM) !== 0 || field.type === 0xf7) return { type: { kind: 'text' }, sourceType: 'enum' }
  if ((field.flags & FLAG.SET) !== 0 || field.type === 0xf8) {
    return { type: { kind: 'array', element: { kind: 'text' } }, sourceType: 'set', conversion: 'set' }
  }
  const blob = field.type >= 0xf9 && field.type <= 0xfc
  if (field.charset === BINARY || field.type === 0xf2) {
    if (field.type === 0xfe && field.length === 16 && policies.binary16 === 'uuid') {
      return { type: { kind: 'uuid' }, sourceType: 'binary(16)', conversion: 'uuid' }
    }
    const name = field.type === 0xf2 ? 'vector' : blob ? 'blob' : field.type === 0xfe ? 'binary' : 'varbinary'
    return { type: { kind: 'bytes' }, sourceType: name }
  }
  if (blob) return { type: { kind: 'text' }, sourceType: 'text' }
  const length = Math.max(1, Math.floor(field.length / MAX_CHARACTER_BYTES))
  const name = field.extended ?? (field.type === 0xfe ? 'char' : 'varchar')
  return { type: { kind: 'text', length }, sourceType: `${name}(${length})` }
}
