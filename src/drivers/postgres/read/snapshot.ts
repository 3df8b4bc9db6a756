import type { HeldSnapshot, SharedSnapshot } from '../../../core/shared-snapshot.js'
import { AirlockError } from '../../../errors/index.js'
import type { PostgresConnection } from '../native.js'
import { quoteTable } from '../sql.js'
import type { Transactions } from '../transaction.js'
import { WITH_TREE } from './table-tree.js'

/** How every read sees the rows: as they were at its first statement. */
export const SNAPSHOT = 'ISOLATION LEVEL REPEATABLE READ READ ONLY'

/** What the table is, and whether it or a part of it lies on another server. */
const KINDS = `${WITH_TREE} SELECT (SELECT t.relkind FROM pg_catalog.pg_class t WHERE t.oid = $1::regclass),
  EXISTS (SELECT FROM pg_catalog.pg_class c JOIN tree ON tree.oid = c.oid WHERE c.relkind = 'f')`

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
  await transactions.hold('ISOLATION LEVEL READ COMMITTED READ ONLY')
  try {
    const reason = await reasonAgainst(connection, table)
    if (reason !== undefined) {
      await transactions.letGo()
      return reason
    }
    await waitForOthers(connection)
    await lockAsRead(connection, table)
    const { rows } = await connection.query('SELECT pg_catalog.pg_export_snapshot()')
    return { id: rows[0]?.[0] ?? '', table, [Symbol.asyncDispose]: () => transactions.letGo() }
  } catch (error) {
    await transactions.letGo()
    throw error
  }
}

/** Why the rows of the table are in no snapshot of this server, if they are not. */
async function reasonAgainst(connection: PostgresConnection, table: string): Promise<string | undefined> {
  const { rows } = await connection.query(KINDS, [quoteTable(table)])
  const [kind, isForeign] = rows[0] ?? []
  // It may call functions, which read whatever they like, from tables that nobody locks for it.
  if (kind === 'v') return 'of a view nobody knows what it reads'
  return isForeign === 't' ? 'rows of a foreign table are in no snapshot of this server' : undefined
}

/** It is idle as long as the others read. */
async function waitForOthers(connection: PostgresConnection): Promise<void> {
  await connection.query('SET LOCAL idle_in_transaction_session_timeout = 0')
}

/** Takes the lock of every read, until the transaction ends. Of a condition that is never true the server would know that
 * it needs no partition, and lock none. */
async function lockAsRead(connection: PostgresConnection, table: string): Promise<void> {
  await connection.query(`SELECT FROM ${quoteTable(table)} LIMIT 0`)
}

/** Begins the transaction in which this session reads until it is reset. It keeps the lock of the table for all its reads:
 * each new one would have to wait behind those who wait to alter the table, and they for the end of all reads. False, with
 * none begun, where the transaction that has exported the snapshot is over. Throws CONFIG_INVALID for an id that no server
 * can have given. */
export async function enterSnapshot(
  connection: PostgresConnection,
  transactions: Transactions,
  { id, table }: SharedSnapshot,
): Promise<boolean> {
  if (!/^[0-9A-Fa-f-]{1,64}$/.test(id)) {
    const params = { at: 'snapshot', problem: 'it is no id of a snapshot' }
    throw new AirlockError('CONFIG_INVALID', { phase: 'extract', params })
  }
  await transactions.hold(SNAPSHOT)
  try {
    const isThere = await importSnapshot(connection, id)
    if (!isThere) {
      await transactions.letGo()
      return false
    }
    await waitForOthers(connection)
    await lockAsRead(connection, table)
    return true
  } catch (error) {
    await transactions.letGo()
    throw error
  }
}

/** What the server says where no transaction of it has exported such a snapshot, or none any more. */
const UNKNOWN_SNAPSHOT: readonly unknown[] = ['22023', '42704', '55000']

/** Lets the transaction that has just begun see what the exporting one sees, if that is still there. */
async function importSnapshot(connection: PostgresConnection, id: string): Promise<boolean> {
  try {
    await connection.query(`SET TRANSACTION SNAPSHOT '${id}'`)
    return true
  } catch (error) {
    const state = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined
    if (UNKNOWN_SNAPSHOT.includes(state)) return false
    throw error
  }
}
