import type { Batch, Column } from '../../../core/batch.js'
import { atMost } from '../../../core/bounded.js'
import type { WriteOutline, WritePlan, WriteReceipt } from '../../../core/driver.js'
import { AirlockError, type ErrorCode } from '../../../errors/index.js'
import { classifyGraphqlError } from '../errors.js'
import type { GraphqlTransport } from '../http/client.js'
import { type RowGroup, RowSender } from './row-sender.js'
import type { GraphqlTarget } from './target.js'

const RETURN_MS = 2000

/** What a write would do. */
export function outlineWrite(target: GraphqlTarget): WriteOutline {
  const { write, rowsPerRequest, concurrency } = target
  const notes = [
    'not atomic: each request stands for itself, and rows that were written stay written',
    write.idempotencyHeader === undefined
      ? 'a second run adds the rows again; a request is not sent twice'
      : 'a request carries a hash of its rows, by which the server can tell that it has seen it',
    `${rowsPerRequest} row(s) a request, ${concurrency} request(s) at one time`,
  ]
  return { targetExists: true, statements: [target.document], columnTypes: target.columnTypes, notes }
}

/** Sends rows by a mutation. Rows that the server refuses do not stop the others; what makes every further request
 * pointless does. Resolves when every row was taken; throws ROWS_REJECTED with what became of them where some were not,
 * and OUTCOME_UNKNOWN where an answer never came and nothing else is known. */
export async function writeRows(
  transport: GraphqlTransport,
  resolve: (columns: readonly Column[]) => Promise<GraphqlTarget>,
  plan: WritePlan,
  batches: AsyncIterable<Batch>,
  signal: AbortSignal,
): Promise<WriteReceipt> {
  const source = batches[Symbol.asyncIterator]()
  try {
    const first = await source.next()
    if (first.done === true) throw new AirlockError('PROTOCOL_ERROR', { phase: 'write' })
    const target = await resolve(first.value.columns)
    if (target.concurrency > 1) await transport.widen(target.concurrency)
    await using sender = new RowSender(transport, target, plan.table, signal)
    let failure: unknown
    try {
      await sendAll(sender, target, plan, first.value, source)
    } catch (error) {
      failure = error
    }
    // Whatever happened, no request is under way when this returns.
    await sender.settle()
    return receiptOrThrow(sender, failure)
  } finally {
    if (source.return !== undefined) await atMost(RETURN_MS, source.return())
  }
}

async function sendAll(
  sender: RowSender,
  target: GraphqlTarget,
  plan: WritePlan,
  first: Batch,
  rest: AsyncIterator<Batch>,
): Promise<void> {
  let group: RowGroup = []
  let number = 0
  for (let next: IteratorResult<Batch> = { value: first }; next.done !== true; next = await rest.next()) {
    const batch = next.value
    for (let row = 0; row < batch.rowCount; row++) {
      // The last group waits for the counts to be compared.
      if (group.length === target.rowsPerRequest) {
        await sender.send(group)
        if (sender.stopped !== undefined) return
        group = []
      }
      const encoded = sender.encode(batch, row, ++number)
      if (encoded !== undefined) group.push(encoded)
    }
    batch.release?.()
  }
  await sender.settle()
  if (sender.stopped !== undefined) return
  await plan.beforeCommit?.(sender.receipt(sender.rowsSent, group.length))
  if (group.length > 0) await sender.send(group)
}

function receiptOrThrow(sender: RowSender, failure: unknown): WriteReceipt {
  const { outcomes, stopped } = sender
  const cause = failure ?? stopped
  // Counts that do not agree are their own verdict, whatever is in the target.
  if (cause instanceof AirlockError && cause.exitCode === 7) throw cause
  const untouched = !outcomes.touched && outcomes.rejected === 0
  if (cause !== undefined && untouched) throw cause
  if (cause !== undefined || !outcomes.complete) throw outcomes.error(cause === undefined ? undefined : codeOf(cause))
  return sender.receipt(sender.rowsSent, 0)
}

function codeOf(error: unknown): ErrorCode {
  if (error instanceof AirlockError) return error.code
  return classifyGraphqlError(error)?.code ?? 'CONNECTION_LOST'
}
