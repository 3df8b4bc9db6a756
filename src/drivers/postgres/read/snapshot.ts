import type { HeldSnapshot } from '../../../core/driver.js'
import { AirlockError } from '../../../errors/index.js'
import type { PostgresConnection } from '../native.js'
import type { Transactions } from '../transaction.js'

/** How every read sees the rows: as they were at its first statement. */
export const SNAPSHOT = 'ISOLATION LEVEL REPEATABLE READ READ ONLY'

/** Begins a transaction whose snapshot other sessions of this server can import until it ends. See
 * https://www.postgresql.org/docs/17/functions-admin.html#FUNCTIONS-SNAPSHOT-SYNCHRONIZATION */
export async function exportSnapshot(
  connection: PostgresConnection,
  transactions: Transactions,
): Promise<HeldSnapshot> {
  await transactions.begin(SNAPSHOT)
  try {
    // It waits as long as the others read.
    await connection.query('SET LOCAL idle_in_transaction_session_timeout = 0')
    const { rows } = await connection.query('SELECT pg_catalog.pg_export_snapshot()')
    return { id: rows[0]?.[0] ?? '', [Symbol.asyncDispose]: () => transactions.rollback() }
  } catch (error) {
    await transactions.rollback()
    throw error
  }
}

/** Lets the transaction that has just begun see what the exporting one sees. Throws CONFIG_INVALID for an id that the server
 * cannot have given. */
export async function importSnapshot(connection: PostgresConnection, id: string): Promise<void> {
  if (!/^[0-9A-Fa-f-]{1,64}$/.test(id)) {
    const params = { at: 'snapshot', problem: 'it is no id of a snapshot' }
    throw new AirlockError('CONFIG_INVALID', { phase: 'extract', params })
  }
  await connection.query(`SET TRANSACTION SNAPSHOT '${id}'`)
}
