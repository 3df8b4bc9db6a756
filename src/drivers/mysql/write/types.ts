import type { Column } from '../../../core/batch.js'
import type { LogicalType } from '../../../core/column-type.js'
import { AirlockError } from '../../../errors/index.js'
import type { MysqlPolicies } from '../policies.js'

/** Longest varchar of four-byte characters. */
const MAX_VARCHAR = 16_383
/** Characters of four bytes that fit a key of 3072 bytes. */
const MAX_KEY_CHARACTERS = 768
const MAX_KEY_BYTES = 3072
/** Bytes of a row that columns other than TEXT and BLOB share; the server's limit is 65535. */
const MAX_ROW_BYTES = 60_000
/** A varchar up to this length stays one however many there are. */
const SHORT_VARCHAR = 255

/** What decides on a column type beside the logical type. */
export interface TypeChoices {
  readonly policies: MysqlPolicies
  readonly mariadb: boolean
}

/** The type of a new column, as the catalogue writes it (without the display width of integers). Throws VALUE_POLICY where
 * a policy refuses the type. */
export function mysqlType(column: Pick<Column, 'name' | 'type' | 'sourceType'>, choices: TypeChoices): string {
  const { type } = column
  const { policies } = choices
  const refuse = (): never => {
    throw new AirlockError('VALUE_POLICY', { phase: 'plan', params: { at: column.name } })
  }
  switch (type.kind) {
    case 'boolean':
      return 'tinyint(1)'
    case 'int16':
      return 'smallint'
    case 'int32':
      return 'int'
    case 'int64':
      return 'bigint'
    case 'uint64':
      return 'bigint unsigned'
    case 'decimal':
      return decimalType(type, choices, refuse)
    case 'float32':
      return policies.nonfinite === 'text' ? 'varchar(32)' : policies.real
    case 'float64':
      return policies.nonfinite === 'text' ? 'varchar(32)' : 'double'
    case 'text':
      return textType(column, type, policies)
    case 'bytes':
      return 'longblob'
    case 'bit':
      return type.length <= 64 ? `bit(${type.length})` : varchar(type.length)
    case 'date':
      return 'date'
    case 'time':
      return `time${fraction(type.precision)}`
    case 'timestamp':
      return `datetime${fraction(type.precision)}`
    case 'timestamptz':
      return `${policies.timestamptz}${fraction(type.precision)}`
    case 'interval':
      return intervalType(column, policies, refuse)
    case 'uuid':
      return policies.uuid === 'binary16' ? 'binary(16)' : 'char(36)'
    case 'json':
      return jsonType(type, choices)
    case 'array':
      if (policies.arrays === 'error') return refuse()
      return policies.arrays === 'text' ? 'longtext' : jsonType(type, choices)
  }
}

/** A new column's definition without its name: type, character set where it differs from the table's, NULL or NOT NULL. */
export function columnDefinition(type: string, required: boolean): string {
  // The server would give a timestamp that may not be NULL a default of its own, and change it with every update.
  const nullable = !required || type.startsWith('timestamp')
  const ascii = type === 'char(36)' ? ' CHARACTER SET ascii COLLATE ascii_bin' : ''
  return `${type}${ascii} ${nullable ? 'NULL' : 'NOT NULL'}`
}

/** The types of a new table by column, within the limits of a row and of a key: those that are `given`, and else those of
 * `mysqlType`. Throws SCHEMA_MISMATCH for a key column that no key can hold. */
export function tableTypes(
  columns: readonly Column[],
  key: readonly string[],
  choices: TypeChoices & { readonly given: ReadonlyMap<string, string> },
): ReadonlyMap<string, string> {
  const types = columns.map((column) => {
    const own = mysqlType(column, choices)
    const given = choices.given.get(column.name) ?? own
    return key.includes(column.name) && isText(given) ? own : given
  })
  let keyBytes = 0
  columns.forEach(({ name }, index) => {
    if (!key.includes(name)) return
    const type = types[index]!
    const length = varcharLength(type)
    if (/text$|blob$|^json/.test(type) || (length ?? 0) > MAX_KEY_CHARACTERS) {
      throw mismatch(`key column ${name} would be ${type}, which a key cannot hold; give it a length`)
    }
    keyBytes += length === undefined ? 36 : length * 4
  })
  if (keyBytes > MAX_KEY_BYTES) throw mismatch('the key columns are longer than a key of 3072 bytes')
  const fitting = withinRow(
    types,
    columns.map(({ name }) => key.includes(name)),
  )
  return new Map(columns.map(({ name }, index) => [name, fitting[index]!]))
}

function isText(type: string): boolean {
  return /^(var)?char|text$/.test(type)
}

/** Turns the longest varchars into longtext until the row fits. */
function withinRow(types: readonly string[], fixed: readonly boolean[]): readonly string[] {
  const result = [...types]
  const bytes = () => result.reduce((sum, type) => sum + (varcharLength(type) ?? 8) * 4, 0)
  while (bytes() > MAX_ROW_BYTES) {
    const lengths = result.map((type, index) => (fixed[index] ? 0 : (varcharLength(type) ?? 0)))
    const longest = Math.max(...lengths)
    if (longest <= SHORT_VARCHAR) break
    result[lengths.indexOf(longest)] = 'longtext'
  }
  return result
}

function varcharLength(type: string): number | undefined {
  const length = /^varchar\((\d+)\)$/.exec(type)?.[1]
  return length === undefined ? undefined : Number(length)
}

function decimalType(
  type: Extract<LogicalType, { kind: 'decimal' }>,
  { policies, mariadb }: TypeChoices,
  refuse: () => never,
): string {
  if (policies.nonfinite === 'text') return type.precision === undefined ? 'longtext' : varchar(type.precision + 3)
  if (type.precision !== undefined) {
    const { precision, scale = 0 } = type
    // numeric(2,-3) holds five digits in front of the point, numeric(3,5) five behind it.
    const digits = scale < 0 ? precision - scale : Math.max(precision, scale)
    const behind = Math.max(0, scale)
    if (digits <= 65 && behind <= (mariadb ? 38 : 30)) return `decimal(${digits},${behind})`
  }
  if (policies.numeric_unbounded === 'error') return refuse()
  return policies.numeric_unbounded === 'text' ? 'longtext' : 'decimal(65,30)'
}

function textType(
  { sourceType }: Pick<Column, 'sourceType'>,
  type: Extract<LogicalType, { kind: 'text' }>,
  policies: MysqlPolicies,
): string {
  if (isTimeWithZone(sourceType)) return policies.timetz === 'utc' ? 'time(6)' : 'varchar(32)'
  if (type.length === undefined) return 'longtext'
  if (isPadded(sourceType) && type.length <= 255) return `char(${type.length})`
  return varchar(type.length)
}

function intervalType(
  { sourceType }: Pick<Column, 'sourceType'>,
  policies: MysqlPolicies,
  refuse: () => never,
): string {
  // A TIME of MySQL comes as an interval, and goes back into what it was.
  const time = /^time(?:\((\d)\))?$/.exec(sourceType)
  if (time !== null) return `time${fraction(Number(time[1] ?? 0))}`
  if (policies.interval === 'error') return refuse()
  return { iso8601: 'varchar(64)', time: 'time(6)', micros: 'bigint' }[policies.interval]
}

function jsonType(type: LogicalType, { policies, mariadb }: TypeChoices): string {
  if (mariadb) return 'json'
  // MySQL keeps neither the spelling of JSON text nor more digits than a double has.
  if (policies.json_numbers === 'longtext') return 'longtext'
  return type.kind === 'json' && type.storage === 'json' ? 'longtext' : 'json'
}

/** `timetz` of Postgres, which travels as text. */
export function isTimeWithZone(sourceType: string): boolean {
  return /^(timetz|time(\(\d\))? with time zone)/.test(sourceType)
}

/** char(n) of SQL: blanks at its end mean nothing. */
export function isPadded(sourceType: string): boolean {
  return /^(char|character|bpchar)(\(\d+\))?$/.test(sourceType)
}

function varchar(length: number): string {
  return length > MAX_VARCHAR ? 'longtext' : `varchar(${Math.max(1, length)})`
}

function fraction(precision: number | undefined): string {
  const digits = Math.min(precision ?? 6, 6)
  return digits === 0 ? '' : `(${digits})`
}

function mismatch(problem: string): AirlockError {
  return new AirlockError('SCHEMA_MISMATCH', { phase: 'plan', params: { problem } })
}
