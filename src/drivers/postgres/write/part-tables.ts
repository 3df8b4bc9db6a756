import { isPartTable, requirePartTable } from '../../../core/part-table.js'
import type { PostgresConnection } from '../native.js'
import { quoteName, quoteTable } from '../sql.js'
import type { Transactions } from '../transaction.js'

/** Where the staging tables of resumable loads are: a schema of their own, which no wildcard of the target's readers and
 * no API over the public schema shows. */
export const PART_SCHEMA = '_airlock_staging'

/** Creates the schema of a table that is about to be loaded, in a transaction of its own: in that of the rows all others
 * that load a part would wait for its end. Two that create it at one time wait for each other only. */
export async function ensurePartSchema(
  connection: PostgresConnection,
  transactions: Transactions,
  table: string,
): Promise<void> {
  if (!isPartTable(table, PART_SCHEMA)) return
  await transactions.begin()
  try {
    if (!(await hasPartSchema(connection))) await createPartSchema(connection)
    await transactions.commit()
  } catch (error) {
    await transactions.rollback()
    throw error
  }
}

async function createPartSchema(connection: PostgresConnection): Promise<void> {
  await connection.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [`airlock ${PART_SCHEMA}`])
  if (!(await hasPartSchema(connection))) await connection.query(`CREATE SCHEMA ${quoteName(PART_SCHEMA)}`)
}

async function hasPartSchema(connection: PostgresConnection): Promise<boolean> {
  const { rows } = await connection.query('SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = $1', [PART_SCHEMA])
  return rows.length > 0
}

/** Drops the staging table of a resumable load; there may be none. Throws POLICY_REFUSED for any other table. */
export async function dropPartTable(
  connection: PostgresConnection,
  transactions: Transactions,
  table: string,
): Promise<void> {
  requirePartTable(table, PART_SCHEMA)
  await transactions.begin()
  try {
    await connection.query(`DROP TABLE IF EXISTS ${quoteTable(table)}`)
    await transactions.commit()
  } catch (error) {
    await transactions.rollback()
    throw error
  }
}
