import type { HeldSnapshot, SharedSnapshot } from '../../../core/shared-snapshot.js'
import { parseTableName } from '../../../core/table-name.js'
import type { MysqlConnection } from '../native.js'
import { LOCK_WAIT_SECONDS, quoteTable, quoteText } from '../sql.js'

/** One consistent view of all tables, and no way to write. */
export const BEGIN_SNAPSHOT = 'START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY'

/** How long writers may be waited for: transactions that have changed the table and are still open. */
const LOCK_SECONDS = 10

/** How long a session may wait to enter: nobody can write meanwhile. Who waits to alter the table lets nobody pass. */
const ENTER_SECONDS = 2

/** When the server gives up a session that holds the lock and says nothing, for its client may be gone without a word. */
const SILENT_SECONDS = 30

/** Tells two servers apart that answer under one name, and whether this one only shows what another writes. */
const SERVER = "SELECT SHA2(CONCAT_WS('/', @@server_id, @@hostname, @@port, @@datadir), 256), @@innodb_read_only"

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
  // A reset takes all of them back.
  await connection.query(`SET SESSION lock_wait_timeout = ${LOCK_SECONDS}, innodb_lock_wait_timeout = ${LOCK_SECONDS},
    wait_timeout = ${SILENT_SECONDS}`)
  try {
    await connection.query(`LOCK TABLES ${quoteTable(table)} READ`)
  } catch (error) {
    const number = numberOf(error)
    if (number === LOCK_TIMEOUT) return `transactions that had changed the table were open for ${LOCK_SECONDS} seconds`
    if (DENIED.includes(number)) return 'the user of the source lacks the privilege LOCK TABLES'
    throw error
  }
  const unlock = async () => void (await connection.query('UNLOCK TABLES'))
  // A proxy that shares statements out among servers stays with one from the lock on.
  const server = await serverOf(connection)
  if (!server.isReadOnly) return { id: server.id, table, [Symbol.asyncDispose]: unlock }
  await unlock()
  return 'the server shows what another one writes, whose writers no lock of it keeps out'
}

/** Begins the transaction in which this session reads until it is reset. False, with none begun, on another server, and
 * where the table cannot be used at once. */
export async function enterSnapshot(connection: MysqlConnection, shared: SharedSnapshot): Promise<boolean> {
  await connection.query(`SET SESSION lock_wait_timeout = ${ENTER_SECONDS}`)
  await connection.query(BEGIN_SNAPSHOT)
  const isIn = await isInSnapshot(connection, shared)
  if (!isIn) await connection.query('ROLLBACK')
  await connection.query(`SET SESSION lock_wait_timeout = ${LOCK_WAIT_SECONDS}`)
  return isIn
}

/** Whether the transaction that has just begun is of the server that is locked, and may use the table. */
async function isInSnapshot(connection: MysqlConnection, { id, table }: SharedSnapshot): Promise<boolean> {
  if ((await serverOf(connection)).id !== id) return false
  try {
    // From its first use the table is kept as it is: one that is put in its place later would be read instead.
    await connection.query(`SELECT 1 FROM ${quoteTable(table)} LIMIT 0`)
    return true
  } catch (error) {
    // The wait is of the statement alone, whose transaction goes on.
    if (numberOf(error) === LOCK_TIMEOUT) return false
    throw error
  }
}

async function serverOf(connection: MysqlConnection): Promise<{ readonly id: string; readonly isReadOnly: boolean }> {
  const { rows } = await connection.query(SERVER)
  const [id, isReadOnly] = rows[0] ?? []
  return { id: id ?? '', isReadOnly: isReadOnly === '1' }
}

function numberOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'errno' in error ? error.errno : undefined
}
