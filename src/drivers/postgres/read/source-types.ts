import type { LogicalType } from '../../../core/column-type.js'
import { quoteName } from '../sql.js'
import type { PostgresSourcePolicies } from './source-policies.js'
import type { CatalogType, TypeCatalog } from './type-catalog.js'

/** How a column of the source is read. */
export interface ReadType {
  readonly type: LogicalType
  /** Makes the expression whose text is canonical, where that of the plain column is not. */
  readonly read?: (column: string) => string
}

/** What reading depends on beside the type. */
export interface TypeContext {
  readonly catalog: TypeCatalog
  readonly policies: PostgresSourcePolicies
  /** Digits behind the point that `money` has at this server, by its lc_monetary. */
  readonly moneyDigits: number
}

/** Base types of `pg_catalog` whose text, with the session's settings pinned, is canonical as it is. Of the others the
 * text is all there is. */
const PLAIN: Readonly<Record<string, LogicalType>> = {
  bool: { kind: 'boolean' },
  int2: { kind: 'int16' },
  int4: { kind: 'int32' },
  int8: { kind: 'int64' },
  // Unsigned numbers of 32 bits.
  oid: { kind: 'int64' },
  xid: { kind: 'int64' },
  cid: { kind: 'int64' },
  xid8: { kind: 'uint64' },
  float4: { kind: 'float32' },
  float8: { kind: 'float64' },
  bytea: { kind: 'bytes' },
  date: { kind: 'date' },
  interval: { kind: 'interval' },
  uuid: { kind: 'uuid' },
  json: { kind: 'json', storage: 'json' },
  jsonb: { kind: 'json', storage: 'jsonb' },
  name: { kind: 'text', length: 63 },
  // One byte, or one that is not ASCII as `\ooo`.
  char: { kind: 'text', length: 4 },
  timetz: { kind: 'text', length: 24 },
  inet: { kind: 'text', length: 43 },
  cidr: { kind: 'text', length: 43 },
  macaddr: { kind: 'text', length: 17 },
  macaddr8: { kind: 'text', length: 23 },
  pg_lsn: { kind: 'text', length: 17 },
}

/** The most bytes that a label of an enum may have. */
const LABEL_LENGTH = 63

const TEXT: LogicalType = { kind: 'text' }

/** A Postgres type as the source of a stream. Types are taken apart as the catalogue describes them: domains down to
 * their base, arrays to their elements; a type that is not known travels as its text. */
export function readType(oid: number, modifier: number, context: TypeContext): ReadType {
  const found = context.catalog.get(oid)
  if (found === undefined) return { type: TEXT }
  if (found.base !== undefined) return readType(found.base.oid, found.base.modifier, context)
  if (found.element !== undefined) return readArray(found.element, modifier, context)
  if (found.kind === 'e') return { type: { kind: 'text', length: LABEL_LENGTH } }
  if (found.kind === 'c' || found.name === 'record') return readComposite(context)
  if (found.kind !== 'b') return { type: TEXT }
  return found.schema === 'pg_catalog' ? readBuiltIn(found.name, modifier, context) : readExtension(found, context)
}

/** Whether the values are read in another form than that in which the server compares and takes them. */
export function isReshaped(oid: number, modifier: number, context: TypeContext): boolean {
  const { type, read } = readType(oid, modifier, context)
  return read !== undefined && type.kind !== 'text'
}

function readBuiltIn(name: string, modifier: number, context: TypeContext): ReadType {
  switch (name) {
    case 'numeric':
      return { type: numeric(modifier) }
    case 'money':
      // As text it is what lc_monetary makes of it.
      return { type: { kind: 'decimal', precision: 19, scale: context.moneyDigits }, read: cast('numeric') }
    case 'varchar':
      return { type: limitedText(modifier - 4) }
    case 'bpchar':
      // Trailing blanks of char(n) mean nothing, and this cast drops them.
      return { type: limitedText(modifier - 4), read: cast('text') }
    case 'varbit':
      return { type: limitedText(modifier) }
    case 'bit':
      return modifier > 0 ? { type: { kind: 'bit', length: modifier } } : { type: TEXT }
    case 'time':
    case 'timestamp':
    case 'timestamptz':
      return { type: { kind: name, ...fraction(modifier) } }
    default:
      return { type: PLAIN[name] ?? TEXT }
  }
}

function readExtension(found: CatalogType, context: TypeContext): ReadType {
  const call = (name: string) => (column: string) => `${quoteName(found.schema)}.${name}(${column})`
  if (found.name === 'hstore' && context.policies.hstore === 'json' && found.functions.has('hstore_to_json')) {
    return { type: { kind: 'json', storage: 'json' }, read: call('hstore_to_json') }
  }
  if ((found.name === 'geometry' || found.name === 'geography') && found.functions.has('st_asewkb')) {
    return { type: { kind: 'bytes' }, read: call('st_asewkb') }
  }
  // The text of a pgvector is a JSON array as well, and the type itself takes it back.
  if (found.name === 'vector' || found.name === 'halfvec') return { type: { kind: 'json', storage: 'json' } }
  return { type: TEXT }
}

function readComposite({ policies }: TypeContext): ReadType {
  if (policies.composite === 'text') return { type: TEXT }
  return { type: { kind: 'json', storage: 'json' }, read: (column) => `pg_catalog.to_json(${column})` }
}

/** Elements keep the form that they have inside of array text, except where that depends on the server's settings. */
function readArray(elementOid: number, modifier: number, context: TypeContext): ReadType {
  const element = context.catalog.get(elementOid)
  // `{(1,1),(0,0);(2,2),(1,1)}` would be taken apart at the wrong places.
  if (element !== undefined && element.delimiter !== ',') return { type: TEXT }
  const { type, read } = readType(elementOid, modifier, context)
  const money = baseName(elementOid, context) === 'money'
  if (money) return { type: { kind: 'array', element: type }, read: cast('numeric[]') }
  const keepsForm = read === undefined || baseName(elementOid, context) === 'bpchar'
  return { type: { kind: 'array', element: keepsForm ? type : TEXT } }
}

function baseName(oid: number, { catalog }: TypeContext): string | undefined {
  let found = catalog.get(oid)
  while (found?.base !== undefined) found = catalog.get(found.base.oid)
  return found?.name
}

function cast(type: string): (column: string) => string {
  return (column) => `${column}::pg_catalog.${type}`
}

function limitedText(length: number): LogicalType {
  return length > 0 ? { kind: 'text', length } : TEXT
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
