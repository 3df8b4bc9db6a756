import type { LogicalType } from '../../../core/column-type.js'

/** The scalars of the specification, section 3.5, and the custom ones whose names say what they hold, in lower case and
 * without underscores. Every other scalar is text: the text of a string, the digits of a number, the JSON of anything
 * else. */
const SCALARS: Readonly<Record<string, LogicalType>> = {
  id: { kind: 'text' },
  string: { kind: 'text' },
  int: { kind: 'int32' },
  float: { kind: 'float64' },
  boolean: { kind: 'boolean' },
  smallint: { kind: 'int16' },
  bigint: { kind: 'int64' },
  long: { kind: 'int64' },
  int64: { kind: 'int64' },
  int8: { kind: 'int64' },
  unsignedint64: { kind: 'uint64' },
  uint64: { kind: 'uint64' },
  float8: { kind: 'float64' },
  float4: { kind: 'float32' },
  double: { kind: 'float64' },
  decimal: { kind: 'decimal' },
  bigdecimal: { kind: 'decimal' },
  numeric: { kind: 'decimal' },
  date: { kind: 'date' },
  isodate: { kind: 'date' },
  iso8601date: { kind: 'date' },
  localdate: { kind: 'date' },
  time: { kind: 'time' },
  localtime: { kind: 'time' },
  datetime: { kind: 'timestamptz' },
  datetimeiso: { kind: 'timestamptz' },
  isodatetime: { kind: 'timestamptz' },
  iso8601datetime: { kind: 'timestamptz' },
  offsetdatetime: { kind: 'timestamptz' },
  instant: { kind: 'timestamptz' },
  timestamptz: { kind: 'timestamptz' },
  localdatetime: { kind: 'timestamp' },
  naivedatetime: { kind: 'timestamp' },
  timestamp: { kind: 'timestamp' },
  uuid: { kind: 'uuid' },
  guid: { kind: 'uuid' },
  json: { kind: 'json' },
  jsonb: { kind: 'json' },
  jsonobject: { kind: 'json' },
}

/** The logical type of a scalar by its name in the schema. */
export function scalarType(name: string): LogicalType {
  const key = name.toLowerCase().replaceAll('_', '')
  return Object.hasOwn(SCALARS, key) ? SCALARS[key]! : { kind: 'text' }
}

/** Types that `fields: {column: {path, type}}` can name. */
export const FIELD_TYPES = [
  ...['boolean', 'int16', 'int32', 'int64', 'uint64', 'decimal', 'float32', 'float64', 'text', 'date', 'time'],
  ...['timestamp', 'timestamptz', 'uuid', 'json'],
] as readonly LogicalType['kind'][]
