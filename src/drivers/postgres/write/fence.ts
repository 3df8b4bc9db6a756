import type { WritePlan } from '../../../core/driver.js'
import { type ClaimOutcome, confirmClaim, decideClaim, type WriteFence } from '../../../core/write-fence.js'
import type { PostgresConnection } from '../native.js'
import type { Transactions } from '../transaction.js'
import { lockedState, putState } from './state.js'

/** Claims the right to commit a write; in a transaction of its own. Throws FENCED. */
export async function claimWrite(
  connection: PostgresConnection,
  transactions: Transactions,
  fence: WriteFence,
): Promise<ClaimOutcome> {
  await transactions.begin()
  try {
    const { committed, value } = decideClaim(await lockedState(connection, fence.key), fence)
    if (committed === undefined) await putState(connection, fence.key, value)
    await transactions.commit()
    return committed
  } catch (error) {
    await transactions.rollback()
    throw error
  }
}

/** Marks the claim of a write as committed, in the transaction of its data, or throws FENCED. The lock on it is kept until
 * then, so that nobody claims in between. */
export async function confirmWrite(connection: PostgresConnection, plan: WritePlan, rows: number): Promise<void> {
  if (plan.fence === undefined) return
  const { key } = plan.fence
  await putState(connection, key, confirmClaim(await lockedState(connection, key), plan.fence, rows))
}
