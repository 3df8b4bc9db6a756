import type { Column } from '../../../core/batch.js'
import type { Catalog, CatalogTable, DiscoverRequest, ForeignKey } from '../../../core/driver.js'
import { parseTableName } from '../../../core/table-name.js'
import { AirlockError } from '../../../errors/index.js'
import type { MysqlConnection } from '../native.js'
import { mysqlPolicies } from '../policies.js'
import { mysqlColumn } from '../read/columns.js'
import { quoteText } from '../sql.js'
import { fieldOfCatalogue } from './catalogue-field.js'

type Row = readonly (string | null)[]

const OWN_SCHEMAS = "('information_schema', 'mysql', 'performance_schema', 'sys')"

/** The catalogue as far as the user may see it: a handful of queries, however many tables there are. Throws
 * TABLE_NOT_FOUND where the one table that was asked for is not there. */
export async function discoverMysql(connection: MysqlConnection, request: DiscoverRequest): Promise<Catalog> {
  const where = scope(request)
  const rows = async (sql: string): Promise<readonly Row[]> => (await connection.query(sql)).rows
  const tables = await rows(
    `SELECT table_schema, table_name, table_type, table_rows, data_length + index_length
      FROM information_schema.tables WHERE ${where} AND table_type <> 'SEQUENCE' ORDER BY table_schema, table_name`,
  )
  if (tables.length === 0 && request.table !== undefined) {
    throw new AirlockError('TABLE_NOT_FOUND', { phase: 'discover' })
  }
  const json = connection.mariadb ? jsonColumns(await rows(checks(request))) : new Set<string>()
  const columns = grouped(
    await rows(
      `SELECT table_schema, table_name, column_name, data_type, column_type, is_nullable, character_maximum_length,
          character_octet_length, numeric_precision, numeric_scale, datetime_precision
        FROM information_schema.columns WHERE ${where} ORDER BY table_schema, table_name, ordinal_position`,
    ),
  )
  const keys = grouped(
    await rows(
      `SELECT table_schema, table_name, index_name, column_name, sub_part
        FROM information_schema.statistics WHERE ${where} AND non_unique = 0
        ORDER BY table_schema, table_name, index_name, seq_in_index`,
    ),
  )
  const references = grouped(
    await rows(
      `SELECT table_schema, table_name, constraint_name, column_name, referenced_table_schema, referenced_table_name,
          referenced_column_name
        FROM information_schema.key_column_usage WHERE ${where} AND referenced_table_name IS NOT NULL
        ORDER BY table_schema, table_name, constraint_name, ordinal_position`,
    ),
  )
  const [[product = '', version = ''] = []] = await rows('SELECT @@version_comment, VERSION()')
  return {
    server: serverName(`${product} ${version}`, version ?? ''),
    tables: tables.map(([schema, name, type, estimatedRows, estimatedBytes]): CatalogTable => {
      const id = tableId(schema!, name!)
      const { primaryKey, uniqueKeys } = keysOf(keys.get(id) ?? [])
      return {
        schema: schema!,
        name: name!,
        kind: type === 'VIEW' || type === 'SYSTEM VIEW' ? 'view' : 'table',
        columns: (columns.get(id) ?? []).map((row) => columnOf(row, primaryKey, json)),
        primaryKey,
        uniqueKeys,
        foreignKeys: foreignKeysOf(references.get(id) ?? []),
        estimatedRows: numberOf(estimatedRows),
        estimatedBytes: numberOf(estimatedBytes),
      }
    }),
  }
}

/** `column`: what the schema is called in the view. */
function scope({ schema, table }: DiscoverRequest, column = 'table_schema'): string {
  const named = table === undefined ? undefined : parseTableName(table)
  const within = named?.schema ?? schema
  const ofSchema =
    within === undefined
      ? named === undefined
        ? `${column} NOT IN ${OWN_SCHEMAS}`
        : `${column} = DATABASE()`
      : `${column} = ${quoteText(within)}`
  return named === undefined ? ofSchema : `${ofSchema} AND table_name = ${quoteText(named.name)}`
}

function checks(request: DiscoverRequest): string {
  return `SELECT constraint_schema, table_name, check_clause FROM information_schema.check_constraints
    WHERE ${scope(request, 'constraint_schema')}`
}

/** Columns whose check says that they hold JSON, by table and name. */
function jsonColumns(rows: readonly Row[]): ReadonlySet<string> {
  const found = new Set<string>()
  for (const [schema, table, clause] of rows) {
    const [, name] = /^json_valid\(`((?:[^`]|``)+)`\)$/i.exec(clause ?? '') ?? []
    if (name !== undefined) found.add(`${tableId(schema!, table!)}\0${name.replaceAll('``', '`')}`)
  }
  return found
}

function columnOf(row: Row, primaryKey: readonly string[], json: ReadonlySet<string>): Column {
  const [schema, table, name, dataType, columnType, nullable, characters, bytes, precision, scale, fraction] = row
  const field = fieldOfCatalogue({
    name: name!,
    dataType: dataType!,
    columnType: columnType!,
    nullable: nullable === 'YES',
    characters: numberOf(characters),
    bytes: numberOf(bytes),
    precision: numberOf(precision),
    scale: numberOf(scale),
    fraction: numberOf(fraction),
    checkedJson: json.has(`${tableId(schema!, table!)}\0${name!}`),
  })
  return mysqlColumn(field, mysqlPolicies(), primaryKey.indexOf(name!) + 1).column
}

/** Keys over parts of columns or over expressions say nothing of the columns. */
function keysOf(rows: readonly Row[]): Pick<CatalogTable, 'primaryKey' | 'uniqueKeys'> {
  const byName = new Map<string, { columns: string[]; whole: boolean }>()
  for (const [, , index, column, part] of rows) {
    const key = byName.get(index!) ?? { columns: [], whole: true }
    byName.set(index!, key)
    if (column === null || column === undefined || part !== null) key.whole = false
    else key.columns.push(column)
  }
  const primaryKey = byName.get('PRIMARY')?.columns ?? []
  byName.delete('PRIMARY')
  return { primaryKey, uniqueKeys: [...byName.values()].filter(({ whole }) => whole).map(({ columns }) => columns) }
}

function foreignKeysOf(rows: readonly Row[]): readonly ForeignKey[] {
  const byName = new Map<string, { schema: string; table: string; columns: string[]; references: string[] }>()
  for (const [, , name, column, schema, table, reference] of rows) {
    const key = byName.get(name!) ?? { schema: schema!, table: table!, columns: [], references: [] }
    byName.set(name!, key)
    key.columns.push(column!)
    key.references.push(reference!)
  }
  return [...byName.values()]
}

function grouped(rows: readonly Row[]): ReadonlyMap<string, readonly Row[]> {
  const groups = new Map<string, Row[]>()
  for (const row of rows) {
    const id = tableId(row[0]!, row[1]!)
    const group = groups.get(id)
    if (group === undefined) groups.set(id, [row])
    else group.push(row)
  }
  return groups
}

function tableId(schema: string, table: string): string {
  return `${schema}\0${table}`
}

function numberOf(text: string | null | undefined): number | undefined {
  return text === null || text === undefined ? undefined : Number(text)
}

function serverName(comment: string, version: string): string {
  const number = /^\d+(?:\.\d+)*/.exec(version)?.[0] ?? ''
  return `${/maria/i.test(comment) ? 'MariaDB' : 'MySQL'} ${number}`.trim()
}
