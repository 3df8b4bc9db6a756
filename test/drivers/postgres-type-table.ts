import type { Batch } from '../../src/core/batch.js'
import type { TestDatabase } from '../../src/testing/index.js'
import { type PostgresTypeCase, postgresCases, TYPES } from './postgres-cases.js'

/** How many rows the table of all types has. */
export const PG_TYPE_ROWS = Math.max(...postgresCases.map(({ values }) => values.length))

/** The cases that this server has a type for. */
export async function postgresCasesFor(database: TestDatabase): Promise<readonly PostgresTypeCase[]> {
  const [version] = await database.rows("SELECT current_setting('server_version_num')::int / 10000")
  const available = new Set((await database.rows('SELECT name FROM pg_available_extensions')).map(([name]) => name))
  return postgresCases.filter(
    ({ since = 13, extension }) =>
      Number(version![0]) >= since && (extension === undefined || available.has(extension)),
  )
}

/** Creates the types and `every_type`, and fills it. */
export async function createPostgresTypeTable(
  database: TestDatabase,
  cases: readonly PostgresTypeCase[],
): Promise<void> {
  const extensions = new Set(cases.flatMap(({ extension }) => (extension === undefined ? [] : [extension])))
  const filled = cases.filter(({ values }) => values.length > 0)
  const rows = Array.from({ length: PG_TYPE_ROWS }, (_, row) =>
    [String(row + 1), ...filled.map((entry) => entry.values[row] ?? (isFilled(entry) ? 'DEFAULT' : 'NULL'))].join(', '),
  )
  await database.exec(`
    ${[...extensions].map((name) => `CREATE EXTENSION IF NOT EXISTS ${name};`).join('\n')}
    ${TYPES}
    CREATE TABLE every_type (id integer PRIMARY KEY, ${cases.map(({ name, ddl }) => `${name} ${ddl}`).join(', ')});
    INSERT INTO every_type (id, ${filled.map(({ name }) => name).join(', ')}) VALUES (${rows.join('), (')})`)
}

/** Whether rows beyond the values hold something else than NULL. */
function isFilled({ ddl }: PostgresTypeCase): boolean {
  return /^(bigserial|code)/.test(ddl)
}

/** The golden cells of one column, for every row. */
export function goldenCells(entry: PostgresTypeCase): readonly (string | null)[] {
  if (entry.ddl === 'bigserial') {
    // What the sequence gives out where no value is given.
    const given = entry.cells.length
    return Array.from({ length: PG_TYPE_ROWS }, (_, row) => (row < given ? entry.cells[row]! : String(row - given + 1)))
  }
  return Array.from({ length: PG_TYPE_ROWS }, (_, row) => entry.cells[row] ?? null)
}

/** The name of a case's column. */
export function columnOf({ name }: PostgresTypeCase): string {
  return name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name
}

/** Cells by column; `bytes` as `\x` and hex digits. */
export async function cellsByColumn(batches: AsyncIterable<Batch>): Promise<Record<string, (string | null)[]>> {
  const cells: Record<string, (string | null)[]> = {}
  for await (const batch of batches) {
    for (const row of batch.objects()) {
      for (const [name, value] of Object.entries(row)) {
        cells[name] ??= []
        cells[name].push(value instanceof Uint8Array ? `\\x${Buffer.from(value).toString('hex')}` : value)
      }
    }
  }
  return cells
}
