import type { HeldSnapshot, SharedSnapshot } from '../../../core/shared-snapshot.js'
import { parseTableName } from '../../../core/table-name.js'
import type { MysqlConnection } from '../native.js'
import { quoteTable, quoteText } from '../sql.js'

/** One consistent view of all tables, and no way to write. */
export const BEGIN_SNAPSHOT = 'START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY'

/** How long writers may be waited for: transactions that have changed the table and are still open. */
const LOCK_SECONDS = 10

/** Tells two servers apart that answer under one name. */
const SERVER = "SELECT SHA2(CONCAT_WS('/', @@server_id, @@hostname, @@port, @@datadir), 256)"

const LOCK_TIMEOUT = 1205
const DENIED: readonly unknown[] = [1044, 1142, 1143, 1227]

/** Keeps everybody from writing to the table until it is disposed: transactions that begin meanwhile see the same rows. The
 * lock is given when no open transaction has changed the table. See
 * https://dev.mysql.com/doc/refman/8.4/en/lock-tables.html */
export async function lockForSnapshot(connection: MysqlConnection, table: string): Promise<HeldSnapshot | string> {
  const { schema, name } = parseTableName(table)
  const { rows } = await connection.query(`SELECT engine FROM information_schema.tables
    WHERE table_schema = ${schema === undefined ? 'DATABASE()' : quoteText(schema)} AND table_name = ${quoteText(name)}`)
  // Of a view nobody says what it is made of; other engines have no snapshots.
  if (rows[0]?.[0] !== 'InnoDB') return 'only a table of InnoDB has one, and a view does not'
  await connection.query(`SET SESSION lock_wait_timeout = ${LOCK_SECONDS}, innodb_lock_wait_timeout = ${LOCK_SECONDS}`)
  const id = await serverOf(connection)
  try {
    await connection.query(`LOCK TABLES ${quoteTable(table)} READ`)
  } catch (error) {
    const number = typeof error === 'object' && error !== null && 'errno' in error ? error.errno : undefined
    if (number === LOCK_TIMEOUT) return `transactions that had changed the table were open for ${LOCK_SECONDS} seconds`
    if (DENIED.includes(number)) return 'the user of the source lacks the privilege LOCK TABLES'
    throw error
  }
  return {
    id,
    table,
    async [Symbol.asyncDispose]() {
      await connection.query('UNLOCK TABLES')
    },
  }
}

/** Begins the transaction in which this session reads until it is reset. False, with none begun, on another server. */
export async function enterSnapshot(connection: MysqlConnection, { id, table }: SharedSnapshot): Promise<boolean> {
  if ((await serverOf(connection)) !== id) return false
  await connection.query(BEGIN_SNAPSHOT)
  // From its first use the table is kept as it is: one that is put in its place later would be read instead.
  await connection.query(`SELECT 1 FROM ${quoteTable(table)} LIMIT 0`)
  return true
}

async function serverOf(connection: MysqlConnection): Promise<string> {
  const { rows } = await connection.query(SERVER)
  return rows[0]?.[0] ?? ''
}
