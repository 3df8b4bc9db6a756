import { requirePartTable } from '../../../core/part-table.js'
import type { MysqlConnection } from '../native.js'
import { quoteTable } from '../sql.js'

/** Drops the staging table of a resumable load; there may be none. Throws POLICY_REFUSED for any other table. */
export async function dropPartTable(connection: MysqlConnection, table: string): Promise<void> {
  requirePartTable(table, undefined)
  await connection.execute(`DROP TABLE IF EXISTS ${quoteTable(table)}`)
}
