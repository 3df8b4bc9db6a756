import type { LogicalType } from '../../core/column-type.js'

/** Longest varchar that Postgres takes; longer text becomes `text`. */
const MAX_VARCHAR = 10_485_760

/** The column type that a logical type gets when Airlock creates the table. */
export function postgresType(type: LogicalType): string {
  switch (type.kind) {
    case 'boolean':
      return 'boolean'
    case 'int16':
      return 'smallint'
    case 'int32':
      return 'integer'
    case 'int64':
      return 'bigint'
    case 'uint64':
      return 'numeric(20,0)'
    case 'decimal':
      return type.precision === undefined ? 'numeric' : `numeric(${type.precision},${type.scale ?? 0})`
    case 'float32':
      return 'real'
    case 'float64':
      return 'double precision'
    case 'text':
      return type.length === undefined || type.length > MAX_VARCHAR ? 'text' : `character varying(${type.length})`
    case 'bytes':
      return 'bytea'
    case 'bit':
      return `bit(${type.length})`
    case 'date':
      return 'date'
    case 'time':
      return `time(${type.precision ?? 6}) without time zone`
    case 'timestamp':
      return `timestamp(${type.precision ?? 6}) without time zone`
    case 'timestamptz':
      return `timestamp(${type.precision ?? 6}) with time zone`
    case 'interval':
      return 'interval'
    case 'uuid':
      return 'uuid'
    case 'json':
      return type.storage === 'json' ? 'json' : 'jsonb'
    case 'array':
      return `${postgresType(type.element)}[]`
  }
}

/** A Postgres type as the source of a stream, by its OID and modifier: the logical type, and the cast that makes its
 * text canonical where the plain text is not. Unknown types travel as their text. */
export function logicalType(oid: number, modifier: number): { readonly type: LogicalType; readonly cast?: string } {
  switch (oid) {
    case 16:
      return { type: { kind: 'boolean' } }
    case 21:
      return { type: { kind: 'int16' } }
    case 23:
      return { type: { kind: 'int32' } }
    case 20:
    case 26:
      return { type: { kind: 'int64' } }
    case 1700:
      return { type: numeric(modifier) }
    case 700:
      return { type: { kind: 'float32' } }
    case 701:
      return { type: { kind: 'float64' } }
    case 790:
      return { type: { kind: 'decimal' }, cast: 'numeric' }
    case 1043:
    case 1042:
      return { type: modifier > 4 ? { kind: 'text', length: modifier - 4 } : { kind: 'text' } }
    case 17:
      return { type: { kind: 'bytes' } }
    case 1560:
      return { type: { kind: 'bit', length: Math.max(1, modifier) } }
    case 1082:
      return { type: { kind: 'date' } }
    case 1083:
      return { type: { kind: 'time', ...fraction(modifier) } }
    case 1114:
      return { type: { kind: 'timestamp', ...fraction(modifier) } }
    case 1184:
      return { type: { kind: 'timestamptz', ...fraction(modifier) } }
    case 1186:
      return { type: { kind: 'interval' } }
    case 2950:
      return { type: { kind: 'uuid' } }
    case 114:
      return { type: { kind: 'json', storage: 'json' } }
    case 3802:
      return { type: { kind: 'json', storage: 'jsonb' } }
    default: {
      const element = ARRAY_ELEMENTS[oid]
      return {
        type:
          element === undefined ? { kind: 'text' } : { kind: 'array', element: logicalType(element, modifier).type },
      }
    }
  }
}

/** OIDs of array types and their elements, fixed in `pg_type.dat`. */
const ARRAY_ELEMENTS: Readonly<Record<number, number>> = {
  1000: 16,
  1005: 21,
  1007: 23,
  1016: 20,
  1231: 1700,
  1021: 700,
  1022: 701,
  1009: 25,
  1015: 1043,
  1014: 1042,
  1182: 1082,
  1115: 1114,
  1185: 1184,
  2951: 2950,
  199: 114,
  3807: 3802,
}

function fraction(modifier: number): { precision?: number } {
  return modifier >= 0 && modifier <= 6 ? { precision: modifier } : {}
}

/** The modifier of numeric packs precision and a signed 11-bit scale. */
function numeric(modifier: number): LogicalType {
  if (modifier < 4) return { kind: 'decimal' }
  const packed = modifier - 4
  const scale = ((packed & 0x7ff) ^ 1024) - 1024
  return { kind: 'decimal', precision: (packed >> 16) & 0xffff, scale }
}
