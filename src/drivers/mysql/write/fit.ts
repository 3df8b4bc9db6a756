import type { Column } from '../../../core/batch.js'
import type { LogicalType } from '../../../core/column-type.js'
import type { ContractTarget } from '../../../core/schema-contract.js'
import type { TargetColumn } from './target.js'
import { isTimeWithZone } from './types.js'

/** A column type of MySQL taken apart: `decimal(10,2) unsigned` has the name `decimal` and the numbers 10 and 2. */
export interface ColumnType {
  readonly name: string
  readonly numbers: readonly number[]
  readonly unsigned: boolean
  /** Of enum and set. */
  readonly labels: readonly string[]
}

export function parseColumnType(type: string): ColumnType {
  const [, name = type, inside = ''] = /^([a-z0-9]+)(?:\((.*)\))?/s.exec(type) ?? []
  const labelled = name === 'enum' || name === 'set'
  return {
    name,
    numbers: labelled || inside === '' ? [] : inside.split(',').map(Number),
    unsigned: / unsigned/.test(type),
    labels: labelled ? [...inside.matchAll(/'((?:[^']|'')*)'/g)].map(([, label]) => label!.replaceAll("''", "'")) : [],
  }
}

/** What an existing column holds in logical terms; undefined where only the server can tell whether a value fits. */
export function logicalOf(type: string): LogicalType | undefined {
  const { name, numbers, unsigned } = parseColumnType(type)
  const [first = 0, second = 0] = numbers
  switch (name) {
    case 'smallint':
      return unsigned ? undefined : { kind: 'int16' }
    case 'int':
      return unsigned ? undefined : { kind: 'int32' }
    case 'bigint':
      return { kind: unsigned ? 'uint64' : 'int64' }
    case 'decimal':
      return unsigned ? undefined : { kind: 'decimal', precision: first, scale: second }
    case 'float':
      return numbers.length > 0 || unsigned ? undefined : { kind: 'float32' }
    case 'double':
      return numbers.length > 0 || unsigned ? undefined : { kind: 'float64' }
    case 'varchar':
    case 'char':
      return { kind: 'text', length: first }
    case 'longtext':
      return { kind: 'text' }
    case 'longblob':
      return { kind: 'bytes' }
    case 'bit':
      return { kind: 'bit', length: first || 1 }
    case 'date':
      return { kind: 'date' }
    case 'time':
      return { kind: 'time', precision: first }
    case 'datetime':
      return { kind: 'timestamp', precision: first }
    case 'timestamp':
      return { kind: 'timestamptz', precision: first }
    case 'uuid':
      return { kind: 'uuid' }
    case 'json':
      return { kind: 'json' }
    default:
      return undefined
  }
}

export function contractTarget(column: TargetColumn): ContractTarget {
  return {
    name: column.name,
    type: column.type,
    logical: logicalOf(column.type),
    required: column.notNull && !column.hasDefault && !column.generated,
    notNull: column.notNull,
    generated: column.generated,
  }
}

const TEXTS = /^(char|varchar|tinytext|text|mediumtext|longtext)$/
const BLOBS = /^(binary|varbinary|tinyblob|blob|mediumblob|longblob)$/
const GEOMETRY =
  /^(geometry|point|linestring|polygon|multipoint|multilinestring|multipolygon|geometrycollection|geomcollection)$/
const INTEGERS = /^(tinyint|smallint|mediumint|int|bigint|year)$/
const EXACT_DIGITS: Readonly<Record<string, number>> = { float: 6, double: 15 }
const INTEGER_DIGITS: Readonly<Record<string, number>> = { int16: 5, int32: 10, int64: 19, uint64: 20 }

/** Why a stream column may not go into an existing one: what the server would change without an error. What can be told
 * from the single value is not refused here; the values are checked before they are sent. */
export function silentLoss(column: Pick<Column, 'type' | 'sourceType'>, into: string): string | undefined {
  const { type } = column
  const target = parseColumnType(into)
  const { name } = target
  if (name === 'bit' && type.kind !== 'bit' && type.kind !== 'boolean') return `would be taken as bytes by ${into}`
  if (GEOMETRY.test(name) && type.kind !== 'bytes') return `holds no geometry, which ${into} needs`
  if (type.kind === 'bytes' && !BLOBS.test(name) && !GEOMETRY.test(name)) return `holds bytes, which ${into} cannot`
  if (type.kind === 'bit' && (INTEGERS.test(name) || BLOBS.test(name))) return `would be taken as digits by ${into}`
  if (type.kind === 'boolean' && /^(date|datetime|timestamp|time)$/.test(name)) return `would become a date in ${into}`
  if (type.kind === 'time' || type.kind === 'timestamp' || type.kind === 'timestamptz') {
    if (/^(time|datetime|timestamp)$/.test(name) && (type.precision ?? 6) > (target.numbers[0] ?? 0))
      return `would be cut to ${target.numbers[0] ?? 0} digits of a second`
    if (name === 'date' || name === 'year' || (name === 'time' && type.kind !== 'time'))
      return 'would lose its date or time'
    if (INTEGERS.test(name) || name === 'decimal' || name in EXACT_DIGITS) return `would become a number in ${into}`
  }
  if (type.kind === 'interval' && !TEXTS.test(name) && name !== 'time' && name !== 'bigint')
    return `does not fit ${into}`
  if (type.kind === 'text' && name in EXACT_DIGITS) return `would be rounded to ${into}`
  if (type.kind === 'text' && name === 'time' && !isTimeWithZone(column.sourceType)) return undefined
  return numericLoss(type, target, into)
}

function numericLoss(type: LogicalType, target: ColumnType, into: string): string | undefined {
  const float = type.kind === 'float32' || type.kind === 'float64'
  if (float) {
    if (target.name === 'double' && target.numbers.length === 0) return undefined
    if (target.name === 'float' && target.numbers.length === 0 && type.kind === 'float32') return undefined
    const exact = target.name === 'decimal' || INTEGERS.test(target.name) || target.name in EXACT_DIGITS
    return exact ? `would be rounded to ${into}` : undefined
  }
  const digits = type.kind === 'decimal' ? (type.precision ?? Number.POSITIVE_INFINITY) : INTEGER_DIGITS[type.kind]
  if (digits === undefined) return undefined
  const scale = type.kind === 'decimal' ? (type.scale ?? 0) : 0
  const most = EXACT_DIGITS[target.name]
  if (most !== undefined && (scale > 0 || digits > most || target.numbers.length > 0))
    return `would be rounded to ${into}`
  if (INTEGERS.test(target.name) && (scale > 0 || digits === Number.POSITIVE_INFINITY))
    return `would be rounded to ${into}`
  // Without declared digits the values are looked at.
  if (target.name === 'decimal' && digits !== Number.POSITIVE_INFINITY && scale > (target.numbers[1] ?? 0))
    return `would be rounded to ${target.numbers[1] ?? 0} digits`
  return undefined
}
