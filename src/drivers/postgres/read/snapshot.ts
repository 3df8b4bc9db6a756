import type { HeldSnapshot } from '../../../core/shared-snapshot.js'
import { AirlockError } from '../../../errors/index.js'
import type { PostgresConnection } from '../native.js'
import { quoteTable } from '../sql.js'
import type { Transactions } from '../transaction.js'

/** How every read sees the rows: as they were at its first statement. */
export const SNAPSHOT = 'ISOLATION LEVEL REPEATABLE READ READ ONLY'

/** A table, or a part of it, that lies on another server. */
const IS_FOREIGN = `
  SELECT EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.relkind = 'f' AND (c.oid = $1::regclass
    OR c.oid IN (SELECT p.relid FROM pg_catalog.pg_partition_tree($1::regclass) p)))`

/** Begins a transaction whose snapshot other sessions of this server can import until it ends. It locks the table as every
 * read does, and before the snapshot is taken: what is truncated or written anew between two reads looks empty, or has its
 * rows elsewhere, in every snapshot. See
 * https://www.postgresql.org/docs/17/functions-admin.html#FUNCTIONS-SNAPSHOT-SYNCHRONIZATION */
export async function holdSnapshot(
  connection: PostgresConnection,
  transactions: Transactions,
  table: string,
): Promise<HeldSnapshot | string> {
  // Under this level each statement has a snapshot of its own: that of the export is later than the lock.
  await transactions.begin('ISOLATION LEVEL READ COMMITTED READ ONLY')
  try {
    // It waits as long as the others read.
    await connection.query('SET LOCAL idle_in_transaction_session_timeout = 0')
    const { rows: found } = await connection.query(IS_FOREIGN, [quoteTable(table)])
    if (found[0]?.[0] === 't') {
      await transactions.rollback()
      return 'rows of a foreign table are in no snapshot of this server'
    }
    await connection.query(`SELECT FROM ${quoteTable(table)} WHERE false`)
    const { rows } = await connection.query('SELECT pg_catalog.pg_export_snapshot()')
    return { id: rows[0]?.[0] ?? '', table, [Symbol.asyncDispose]: () => transactions.rollback() }
  } catch (error) {
    await transactions.rollback()
    throw error
  }
}

/** What the server says where no transaction of it has exported such a snapshot, or none any more. */
const UNKNOWN_SNAPSHOT: readonly unknown[] = ['22023', '42704', '55000']

/** Lets the transaction that has just begun see what the exporting one sees. Throws CONFIG_INVALID for an id that no server
 * can have given, CONNECTION_LOST where the session that has exported it is gone. */
export async function importSnapshot(connection: PostgresConnection, id: string): Promise<void> {
  if (!/^[0-9A-Fa-f-]{1,64}$/.test(id)) {
    const params = { at: 'snapshot', problem: 'it is no id of a snapshot' }
    throw new AirlockError('CONFIG_INVALID', { phase: 'extract', params })
  }
  try {
    await connection.query(`SET TRANSACTION SNAPSHOT '${id}'`)
  } catch (error) {
    const state = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined
    if (UNKNOWN_SNAPSHOT.includes(state)) throw new AirlockError('CONNECTION_LOST', { phase: 'extract' })
    throw error
  }
}

/** Whether a snapshot can be imported here and now. */
export async function hasSnapshot(
  connection: PostgresConnection,
  transactions: Transactions,
  id: string,
): Promise<boolean> {
  await transactions.begin(SNAPSHOT)
  try {
    await importSnapshot(connection, id)
    return true
  } catch (error) {
    if (error instanceof AirlockError && error.code === 'CONNECTION_LOST') return false
    throw error
  } finally {
    await transactions.rollback()
  }
}
