import type { Column } from '../../../core/batch.js'

/** CopyData messages of `COPY … TO STDOUT`, one row each, as `COPY … FROM STDIN` takes them. */
export const RAW_TEXT = 'pg-copy-text'

/** The same in binary format, its header in the first message and its trailer in the last. */
export const RAW_BINARY = 'pg-copy-binary'

export const RAW_FORMATS: readonly string[] = [RAW_BINARY, RAW_TEXT]

/** Declared types whose binary form is the same in every supported version, and says the same in every type of its family.
 * The others may hold what is only right in one database (OIDs), or are read as another type. */
const FAMILIES: Readonly<Record<string, string>> = {
  boolean: 'boolean',
  smallint: 'smallint',
  integer: 'integer',
  bigint: 'bigint',
  real: 'real',
  'double precision': 'double precision',
  numeric: 'numeric',
  text: 'text',
  'character varying': 'text',
  character: 'text',
  bpchar: 'text',
  bytea: 'bytea',
  uuid: 'uuid',
  date: 'date',
  'time without time zone': 'time',
  'timestamp without time zone': 'timestamp',
  'timestamp with time zone': 'timestamptz',
  interval: 'interval',
  json: 'json',
  jsonb: 'jsonb',
}

/** Whether the rows of these columns can be read in binary form. */
export function hasBinaryForm(columns: readonly Column[]): boolean {
  return columns.length > 0 && columns.every((column) => familyOf(column.sourceType) !== undefined)
}

/** The formats in which columns with these types take a stream unparsed, the best first. Binary is a third faster, and right
 * only between equal types: others would take some of its bytes as another value, without an error. */
export function rawFormats(
  columns: readonly Column[],
  typeOf: (column: Column) => string | undefined,
): readonly string[] {
  const same = columns.every((column) => familyOf(column.sourceType) === familyOf(typeOf(column)))
  return same && hasBinaryForm(columns) ? RAW_FORMATS : [RAW_TEXT]
}

/** Modifiers say how much a value may hold, not how it is written. */
function familyOf(declared: string | undefined): string | undefined {
  const name = declared?.replace(/\(\d+(,-?\d+)?\)/, '')
  return name !== undefined && Object.hasOwn(FAMILIES, name) ? FAMILIES[name] : undefined
}
