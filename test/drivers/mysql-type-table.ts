import type { TestDatabase } from '../../src/testing/index.js'
import { type TypeCase, typeCases } from './mysql-cases.js'

/** How many rows the table of all types has. */
export const TYPE_ROWS = Math.max(...typeCases.map(({ values }) => values.length))

/** The cases that this server has a type for. */
export function casesFor(version: string): readonly TypeCase[] {
  return typeCases.filter(({ only }) => only === undefined || version.startsWith(only))
}

/** Creates and fills `every_type` in a session at +03:00 that lets zero dates and invalid labels in. */
export async function createTypeTable(database: TestDatabase, cases: readonly TypeCase[]): Promise<void> {
  const columns = cases.map(({ name, ddl }) => `${name} ${ddl}`)
  const filled = cases.filter(({ values }) => values.length > 0)
  const rows = Array.from({ length: TYPE_ROWS }, (_, row) =>
    [String(row + 1), ...filled.map((entry) => literal(entry, row))].join(', '),
  )
  await database.exec(`
    SET sql_mode = '', time_zone = '+03:00';
    CREATE TABLE every_type (id INT NOT NULL PRIMARY KEY, ${columns.join(', ')});
    INSERT INTO every_type (id, ${filled.map(({ name }) => name).join(', ')}) VALUES (${rows.join('), (')})`)
}

/** Rows beyond a case's values hold NULL, or its last value again where NULL is not allowed. */
function literal(entry: TypeCase, row: number): string {
  return entry.values[row] ?? (entry.ddl.includes('NOT NULL') ? entry.values.at(-1)! : 'NULL')
}

/** The golden values of one column, for every row. */
export function goldenColumn(entry: TypeCase): readonly (string | null)[] {
  if (entry.values.length === 0) {
    return Array.from({ length: TYPE_ROWS }, (_, row) =>
      entry.golden[0]!.replace(/\d+/, (n) => String(Number(n) * (row + 1))),
    )
  }
  const rest = entry.ddl.includes('NOT NULL') ? entry.golden.at(-1)! : null
  return Array.from({ length: TYPE_ROWS }, (_, row) => (row < entry.values.length ? entry.golden[row]! : rest))
}

/** What Postgres holds: each column's type and its values in order, read by the case's expression. */
export async function readTypeTable(
  database: TestDatabase,
  cases: readonly TypeCase[],
): Promise<Record<string, { readonly type: string; readonly values: readonly (string | null)[] }>> {
  const types = await database.rows(
    `SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute
      WHERE attrelid = 'every_type'::regclass AND attnum > 0`,
  )
  const list = cases.map(({ name, read }) => (read ?? '$::text').replaceAll('$', `"${name}"`))
  const rows = await database.rows(`SELECT ${list.join(', ')} FROM every_type ORDER BY id`)
  return Object.fromEntries(
    cases.map(({ name }, index) => [
      name,
      { type: types.find(([column]) => column === name)?.[1] ?? 'missing', values: rows.map((row) => row[index]!) },
    ]),
  )
}
