import type { EngineName, TestDatabase } from '../testing/engines/index.js'
import { seedStatements } from './seed-sql.js'
import type { ShopTable } from './shop-tables.js'
import { unlessAborted } from './unless-aborted.js'

/** Creates the shop's tables in an empty database and fills them, the tables side by side. `onRows` is told the sum of the
 * rows that are in. Errors of the client library pass through: the caller turns them into Airlock's. */
export async function seedShop(
  database: TestDatabase,
  engine: EngineName,
  tables: readonly ShopTable[],
  signal: AbortSignal,
  onRows: (rows: number) => void,
): Promise<void> {
  let done = 0
  const fill = async (table: ShopTable): Promise<void> => {
    await unlessAborted(signal, database.exec(table.create[engine]))
    for (const { sql, rows } of seedStatements(table, engine)) {
      await unlessAborted(signal, database.exec(sql))
      done += rows
      onRows(done)
    }
    // So that the plan knows how many rows to expect.
    const analyze = engine === 'mysql' ? `ANALYZE TABLE ${table.name}` : `ANALYZE ${table.name}`
    await unlessAborted(signal, database.exec(analyze))
  }
  await Promise.all(tables.map(fill))
}
