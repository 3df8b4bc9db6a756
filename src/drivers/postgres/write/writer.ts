import type { Batch } from '../../../core/batch.js'
import { atMost } from '../../../core/bounded.js'
import type { WritePlan, WriteReceipt } from '../../../core/driver.js'
import { abortError } from '../../../core/errors-at-boundary.js'
import { AirlockError } from '../../../errors/index.js'
import type { PostgresConnection } from '../native.js'
import type { Transactions } from '../transaction.js'
import { confirmWrite } from './fence.js'
import { loadRows } from './load.js'
import { ensurePartSchema } from './part-tables.js'
import type { WriteBy } from './sending.js'
import { saveState } from './state.js'

/** How long a source may take to end its statement after the write has failed. */
const RETURN_MS = 2000

/** Each statement sees what was committed before it: what a write finds behind its lock is what is there. */
const CHARACTERISTICS = 'ISOLATION LEVEL READ COMMITTED'

/** Writes all batches in one transaction: COPY, counts at every end, state, commit. On any failure the transaction is
 * rolled back and nothing of it remains; the schema of staging tables, where it had to be created, does. */
export async function writeBatches(
  connection: PostgresConnection,
  transactions: Transactions,
  plan: WritePlan,
  batches: AsyncIterable<Batch>,
  signal: AbortSignal,
  writeBy: WriteBy = 'binary',
): Promise<WriteReceipt> {
  const source = batches[Symbol.asyncIterator]()
  try {
    const first = await source.next()
    if (first.done === true) throw new AirlockError('PROTOCOL_ERROR', { phase: 'write' })
    await ensurePartSchema(connection, transactions, plan.table)
    await transactions.begin(CHARACTERISTICS)
    try {
      const receipt = await loadRows(connection, plan, { first: first.value, rest: source }, signal, writeBy)
      await plan.beforeCommit?.(receipt)
      await saveState(connection, plan)
      await confirmWrite(connection, plan, receipt.rowsCounted)
      if (signal.aborted) throw abortError(signal, 'write')
      await commit(connection, transactions)
      return receipt
    } catch (error) {
      await transactions.rollback()
      throw error
    }
  } finally {
    // The source has to hear of a failure here, or its statement would go on. One that waits for a stalled server hears
    // of it when its session is closed.
    if (source.return !== undefined) await atMost(RETURN_MS, source.return())
  }
}

/** Between COMMIT and its answer nobody but the server knows. Throws OUTCOME_UNKNOWN when the answer never came. */
async function commit(connection: PostgresConnection, transactions: Transactions): Promise<void> {
  const sent = connection.usable
  try {
    await transactions.commit()
  } catch (error) {
    if (sent && !connection.usable) throw new AirlockError('OUTCOME_UNKNOWN', { phase: 'write' })
    throw error
  }
}
