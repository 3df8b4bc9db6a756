import type { WritePlan } from '../../../core/driver.js'
import { type ClaimOutcome, confirmClaim, decideClaim, type WriteFence } from '../../../core/write-fence.js'
import type { MysqlConnection } from '../native.js'
import { ensureStateTable, lockedState, reserveState, saveState } from './state.js'

/** Claims the right to commit a write; in a transaction of its own. Throws FENCED. */
export async function claimWrite(connection: MysqlConnection, fence: WriteFence): Promise<ClaimOutcome> {
  await ensureStateTable(connection)
  await connection.execute('START TRANSACTION')
  try {
    // Two claims that found no row would both lock the gap, and neither could fill it.
    await reserveState(connection, fence.key)
    const { committed, value } = decideClaim(await lockedState(connection, fence.key), fence)
    if (committed === undefined) await saveState(connection, fence.key, value)
    await connection.execute('COMMIT')
    return committed
  } catch (error) {
    if (connection.usable) await connection.execute('ROLLBACK')
    throw error
  }
}

/** What marks the claim of a write as committed: saved in the transaction of its data, or undefined for a write without a
 * fence. The lock on the claim is kept until that ends, so that nobody claims in between. Throws FENCED. */
export async function confirmedClaim(
  connection: MysqlConnection,
  plan: WritePlan,
  rows: number,
): Promise<(() => Promise<void>) | undefined> {
  const { fence } = plan
  if (fence === undefined) return undefined
  const value = confirmClaim(await lockedState(connection, fence.key), fence, rows)
  return () => saveState(connection, fence.key, value)
}
