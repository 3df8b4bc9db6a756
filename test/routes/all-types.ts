import { createHash } from 'node:crypto'
import type { Engine, EngineName, TestDatabase } from '../../src/testing/index.js'
import { casesFor, createTypeTable } from '../drivers/mysql-type-table.js'
import { createPostgresTypeTable, postgresCasesFor } from '../drivers/postgres-type-table.js'

/** Longer texts of a golden file stand there as their hash and length. */
const LONGEST = 160

/** The choices for values of the fixture that a target does not take without one. */
export const POLICIES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'mysql→postgres': {},
  'mysql→mysql': {},
  'postgres→postgres': {},
  'postgres→mysql': {
    nonfinite: 'null',
    out_of_range_dates: 'null',
    numeric_unbounded: 'text',
    json_numbers: 'longtext',
  },
}

/** Whether these servers have all types of the fixtures and print them as the golden files say. */
export function isDescribed(mysql: Engine, postgres: Engine): boolean {
  return mysql.version.startsWith('MariaDB') && Number(/\d+/.exec(postgres.version)?.[0]) >= 15
}

/** Creates the table `every_type` of this kind of server, with every nasty value. */
export async function createAllTypes(engine: Engine, database: TestDatabase): Promise<void> {
  if (engine.engine === 'mysql') await createTypeTable(database, casesFor(engine.version))
  else await createPostgresTypeTable(database, await postgresCasesFor(database))
}

/** What the target server says of the table: each column's type, and each value as the server prints it. */
export type Printed = Readonly<Record<string, { readonly type: string; readonly values: readonly (string | null)[] }>>

export async function printTable(engine: EngineName, database: TestDatabase, table = 'every_type'): Promise<Printed> {
  const columns = engine === 'mysql' ? await mysqlColumns(database, table) : await postgresColumns(database, table)
  const expressions = columns.map(({ read }) => read).join(', ')
  const rows = await database.rows(`SELECT ${expressions} FROM ${table} ORDER BY id`)
  return Object.fromEntries(
    columns.map(({ name, type }, index) => [name, { type, values: rows.map((row) => shortened(row[index]!)) }]),
  )
}

interface Printable {
  readonly name: string
  readonly type: string
  readonly read: string
}

async function mysqlColumns(database: TestDatabase, table: string): Promise<Printable[]> {
  const rows = await database.rows(`
    SELECT COLUMN_NAME, CONCAT(COLUMN_TYPE, IF(CHARACTER_SET_NAME IS NULL, '', CONCAT(' ', CHARACTER_SET_NAME)),
        IF(IS_NULLABLE = 'NO', ' not null', '')), DATA_TYPE
      FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = '${table}' ORDER BY ORDINAL_POSITION`)
  return rows.map(([name, type, kind]) => {
    const quoted = `\`${name}\``
    if (kind === 'bit') return { name: name!, type: type!, read: `BIN(${quoted} + 0)` }
    const isBytes = /binary|blob|point|geometry/.test(kind!)
    // In UTC: a TIMESTAMP is shown in the session's zone.
    const read = isBytes
      ? `HEX(${quoted})`
      : kind === 'timestamp'
        ? `CONVERT_TZ(${quoted}, @@time_zone, '+00:00')`
        : null
    return { name: name!, type: type!, read: read ?? `CAST(${quoted} AS CHAR)` }
  })
}

async function postgresColumns(database: TestDatabase, table: string): Promise<Printable[]> {
  const rows = await database.rows(`
    SELECT attname, format_type(atttypid, atttypmod) || CASE WHEN attnotnull THEN ' not null' ELSE '' END, quote_ident(attname)
      FROM pg_attribute WHERE attrelid = '${table}'::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum`)
  return rows.map(([name, type, quoted]) => ({ name: name!, type: type!, read: `${quoted}::text` }))
}

function shortened(value: string | null): string | null {
  if (value === null || value.length <= LONGEST) return value
  return `sha256 ${createHash('sha256').update(value).digest('hex')} of ${value.length} characters`
}
