import { parseTableName } from '../../../core/table-name.js'
import { AirlockError } from '../../../errors/index.js'
import type { MysqlConnection } from '../native.js'
import { quoteName, quoteText } from '../sql.js'

/** A column of an existing target, as the catalogue describes it. */
export interface TargetColumn {
  readonly name: string
  /** COLUMN_TYPE without the display width of integers, e.g. `decimal(10,2)`, `enum('a','b')`. */
  readonly type: string
  readonly notNull: boolean
  /** It has a default, or the server gives it a value by itself. */
  readonly hasDefault: boolean
  readonly generated: boolean
  readonly autoIncrement: boolean
  readonly collation: string | undefined
  readonly comment: string
}

/** An existing target table. */
export interface TargetTable {
  readonly schema: string
  readonly name: string
  /** Schema and name, quoted. */
  readonly sql: string
  readonly columns: readonly TargetColumn[]
  /** Columns of each unique key, the primary key among them. */
  readonly uniqueKeys: readonly (readonly string[])[]
  /** First columns of any index, by which rows can be looked up. */
  readonly indexed: readonly (readonly string[])[]
}

/** Names compare without regard to case, as those of MySQL's columns do. */
export function sameName(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase()
}

/** Looks the target up in the catalogue; undefined where it does not exist. Throws SCHEMA_MISMATCH for something that is
 * not a table, and UNSUPPORTED for a table without transactions: a write into it could not be undone. */
export async function findTarget(connection: MysqlConnection, table: string): Promise<TargetTable | undefined> {
  const { schema, name } = parseTableName(table)
  const place = schema === undefined ? 'DATABASE()' : quoteText(schema)
  const { rows } = await connection.query(
    `SELECT table_schema, table_name, table_type, engine FROM information_schema.tables
      WHERE table_schema = ${place} AND table_name = ${quoteText(name)}`,
  )
  const [inSchema, found, kind, engine] = rows[0] ?? []
  if (inSchema === undefined || inSchema === null || found === null || found === undefined) return undefined
  if (kind !== 'BASE TABLE') throw mismatch('the target is not a table')
  if (engine?.toLowerCase() !== 'innodb') {
    const problem = 'the target table is not of the InnoDB engine, so that a failed write could not be undone'
    throw new AirlockError('UNSUPPORTED', { phase: 'plan', params: { problem } })
  }
  const keys = await indexesOf(connection, inSchema, found)
  return {
    schema: inSchema,
    name: found,
    sql: `${quoteName(inSchema)}.${quoteName(found)}`,
    columns: await columnsOf(connection, inSchema, found),
    uniqueKeys: keys.filter(({ unique }) => unique).map(({ columns }) => columns),
    indexed: keys.map(({ columns }) => columns),
  }
}

async function columnsOf(connection: MysqlConnection, schema: string, table: string): Promise<readonly TargetColumn[]> {
  const { rows } = await connection.query(
    `SELECT column_name, column_type, is_nullable, column_default, extra, collation_name, column_comment,
        generation_expression FROM information_schema.columns
      WHERE table_schema = ${quoteText(schema)} AND table_name = ${quoteText(table)} ORDER BY ordinal_position`,
  )
  return rows.map(([name, type, nullable, defaultValue, extra, collation, comment, expression]) => {
    const notNull = nullable === 'NO'
    const word = (extra ?? '').toLowerCase()
    const generated = (expression ?? '') !== '' || /\b(virtual|stored|persistent) generated/.test(word)
    const autoIncrement = word.includes('auto_increment')
    // MariaDB writes the default NULL out.
    const given = defaultValue !== null && defaultValue !== undefined && !(defaultValue === 'NULL' && !notNull)
    return {
      name: name!,
      type: withoutWidth(type!),
      notNull,
      hasDefault: given || autoIncrement || /on update|default_generated/.test(word),
      generated,
      autoIncrement,
      collation: collation ?? undefined,
      comment: comment ?? '',
    }
  })
}

async function indexesOf(
  connection: MysqlConnection,
  schema: string,
  table: string,
): Promise<readonly { readonly unique: boolean; readonly columns: readonly string[] }[]> {
  const { rows } = await connection.query(
    `SELECT index_name, non_unique, column_name FROM information_schema.statistics
      WHERE table_schema = ${quoteText(schema)} AND table_name = ${quoteText(table)} ORDER BY index_name, seq_in_index`,
  )
  const byName = new Map<string, { unique: boolean; columns: string[] }>()
  for (const [index, nonUnique, column] of rows) {
    const entry = byName.get(index!) ?? { unique: nonUnique === '0', columns: [] }
    // An index over an expression names no column; it must not pass for one over fewer columns.
    entry.columns.push(column ?? '')
    byName.set(index!, entry)
  }
  return [...byName.values()]
}

/** What hangs on a table: a RENAME would leave it with the old one, or bend it. */
export interface Dependents {
  readonly foreignKeys: boolean
  readonly triggers: boolean
  readonly views: boolean
}

/** Looks for foreign keys in either direction, triggers, and views that name the table. */
export async function dependentsOf(connection: MysqlConnection, { schema, name }: TargetTable): Promise<Dependents> {
  const [place, table] = [quoteText(schema), quoteText(name)]
  const { rows } = await connection.query(
    `SELECT EXISTS (SELECT 1 FROM information_schema.key_column_usage
        WHERE referenced_table_name IS NOT NULL AND ((referenced_table_schema = ${place} AND referenced_table_name = ${table})
          OR (table_schema = ${place} AND table_name = ${table}))),
      EXISTS (SELECT 1 FROM information_schema.triggers WHERE event_object_schema = ${place} AND event_object_table = ${table}),
      EXISTS (SELECT 1 FROM information_schema.views WHERE INSTR(view_definition, ${quoteText(quoteName(name))}) > 0)`,
  )
  const [foreignKeys, triggers, views] = (rows[0] ?? []).map((value) => value === '1')
  return { foreignKeys: foreignKeys === true, triggers: triggers === true, views: views === true }
}

/** MariaDB says `int(11)` where MySQL says `int`; the width of `tinyint(1)` has a meaning. */
function withoutWidth(type: string): string {
  if (type === 'tinyint(1)') return type
  return type.replace(/^(tinyint|smallint|mediumint|int|bigint)\(\d+\)/, '$1').replace(/ zerofill$/, '')
}

function mismatch(problem: string): AirlockError {
  return new AirlockError('SCHEMA_MISMATCH', { phase: 'plan', params: { problem } })
}
