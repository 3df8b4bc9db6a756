import type { Batch, Column } from '../../core/batch.js'
import { atMost } from '../../core/bounded.js'
import type { WritePlan, WriteReceipt } from '../../core/driver.js'
import { abortError } from '../../core/errors-at-boundary.js'
import { AirlockError } from '../../errors/index.js'
import { CopyTextEncoder } from './copy-encoder.js'
import type { CopyIn } from './copy-in.js'
import {
  addPrimaryKey,
  copyStatement,
  createStaging,
  createTable,
  type LoadPlan,
  planLoad,
  swapStatements,
} from './load-plan.js'
import type { PostgresConnection } from './native.js'
import { findTarget } from './target.js'
import type { Transactions } from './transaction.js'

/** How long a source may take to end its statement after the write has failed. */
const RETURN_MS = 2000

/** Writes all batches in one transaction: COPY, counts at every end, commit. On any failure the transaction is rolled
 * back and nothing remains. */
export async function writeBatches(
  connection: PostgresConnection,
  transactions: Transactions,
  plan: WritePlan,
  batches: AsyncIterable<Batch>,
  signal: AbortSignal,
): Promise<WriteReceipt> {
  const source = batches[Symbol.asyncIterator]()
  try {
    const first = await source.next()
    if (first.done === true) throw new AirlockError('PROTOCOL_ERROR', { phase: 'write' })
    await transactions.begin()
    try {
      const receipt = await load(connection, plan, first.value, source, signal)
      await plan.beforeCommit?.(receipt)
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

async function load(
  connection: PostgresConnection,
  plan: WritePlan,
  first: Batch,
  rest: AsyncIterator<Batch>,
  signal: AbortSignal,
): Promise<WriteReceipt> {
  const planned = await lockedPlan(connection, plan, first.columns)
  if (planned.route === 'create') await connection.query(createTable(planned))
  if (planned.route === 'staged') await connection.query(createStaging(planned))
  const copy = connection.copyIn(copyStatement(planned))
  const frames: Buffer[] = []
  const encoder = new CopyTextEncoder(planned.columns, planned.policies, (frame) => frames.push(frame))
  const confirmed = await sendAll(copy, encoder, frames, first, rest, signal)
  if (planned.route === 'staged') {
    const [truncate, insert] = swapStatements(planned)
    await connection.query(truncate)
    await connection.query(insert)
  }
  const key = planned.route === 'create' ? addPrimaryKey(planned) : undefined
  if (key !== undefined) await connection.query(key)
  const counted = await countRows(connection, planned, plan)
  const receipt: WriteReceipt = {
    rowsSent: encoder.rowsSent,
    rowsConfirmed: confirmed,
    rowsCounted: counted,
    bytesSent: encoder.bytesSent,
    created: planned.route === 'create',
    route: planned.route,
    policyCounts: encoder.nulBytes === 0 ? {} : { nul_bytes: encoder.nulBytes },
  }
  if (confirmed !== encoder.rowsSent || counted !== encoder.rowsSent) {
    const problem = `${encoder.rowsSent} sent, ${confirmed} confirmed, ${counted} in the target`
    throw new AirlockError('COUNT_MISMATCH', { phase: 'verify', params: { problem } })
  }
  return receipt
}

/** Plans the load. For a replace other writers are kept out first, before the table is touched in any other way: two
 * sessions that had both looked into it could not both wait for the lock. */
async function lockedPlan(
  connection: PostgresConnection,
  plan: WritePlan,
  columns: readonly Column[],
): Promise<LoadPlan> {
  const target = plan.mode === 'replace' ? await findTarget(connection, plan.table) : undefined
  if (target !== undefined) await connection.query(`LOCK TABLE ${target.sql} IN SHARE ROW EXCLUSIVE MODE`)
  return await planLoad(connection, plan, columns)
}

async function sendAll(
  copy: CopyIn,
  encoder: CopyTextEncoder,
  frames: Buffer[],
  first: Batch,
  rest: AsyncIterator<Batch>,
  signal: AbortSignal,
): Promise<number> {
  await copy.ready
  const abort = () => copy.abandon()
  signal.addEventListener('abort', abort, { once: true })
  try {
    for (
      let next: IteratorResult<Batch> = { value: first };
      next.done !== true;
      next = await copy.unlessRefused(rest.next())
    ) {
      // A source that never waits would be read to its end before the server's answer is seen.
      if (signal.aborted) throw abortError(signal, 'write')
      encoder.encode(next.value)
      next.value.release?.()
      await sendFrames(copy, encoder, frames)
    }
    encoder.flush()
    await sendFrames(copy, encoder, frames)
    copy.finish()
    return await copy.done
  } catch (error) {
    copy.abandon()
    // Rejects when the server has dropped the rows; which error it gives for that is of no interest.
    await copy.done.then(undefined, () => undefined)
    throw error
  } finally {
    signal.removeEventListener('abort', abort)
  }
}

async function sendFrames(copy: CopyIn, encoder: CopyTextEncoder, frames: Buffer[]): Promise<void> {
  for (const frame of frames.splice(0)) {
    if (!copy.send(frame, () => encoder.recycle(frame))) await copy.drained()
  }
}

/** Rows of this write that are in the table. In a table that others append to, these are the rows of this transaction. */
async function countRows(connection: PostgresConnection, planned: LoadPlan, plan: WritePlan): Promise<number> {
  const mine = plan.mode === 'append' && planned.route !== 'create'
  const where = mine ? ' WHERE xmin = (SELECT (pg_current_xact_id()::text::numeric % 4294967296)::text::xid)' : ''
  const { rows } = await connection.query(`SELECT count(*) FROM ${planned.table}${where}`)
  return Number(rows[0]?.[0])
}
