import { BatchQueue } from '../../core/batch-queue.js'
import type { Extraction, ExtractRequest } from '../../core/driver.js'
import { abortError } from '../../core/errors-at-boundary.js'
import type { MysqlConnection } from './native.js'
import { RowPacker } from './row-packer.js'
import { resolveSource } from './source.js'
import { BEGIN_SNAPSHOT } from './sql.js'

/** Bytes that may wait for the consumer before the socket is paused. */
const BUFFER_BYTES = 1024 * 1024

/** What an extraction asks of its session. */
export interface StatementOwner {
  /** Ends the running statement on the server and makes the session usable again, or destroys it; bounded. */
  cancelStatement(finished: Promise<void>): Promise<void>
  /** Does work that runs statements; an abort ends the running one on the server. */
  cancelOnAbort<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T>
}

/** One streaming pass over a table or a query, inside a read-only transaction with a consistent snapshot. */
export function extractRows(
  connection: MysqlConnection,
  owner: StatementOwner,
  request: ExtractRequest,
  signal: AbortSignal,
): Extraction {
  const state: { packer: RowPacker | undefined } = { packer: undefined }
  return {
    get rowsRead() {
      return state.packer?.rowsRead ?? 0
    },
    get policyCounts() {
      return state.packer?.policyCounts ?? {}
    },
    async *[Symbol.asyncIterator]() {
      await connection.query(BEGIN_SNAPSHOT)
      let open = true
      try {
        const source = await owner.cancelOnAbort(signal, () => resolveSource(connection, request))
        yield* streamRows(connection, owner, source, request, signal, state)
        await connection.query('COMMIT')
        open = false
      } finally {
        if (open && connection.usable) await rollback(connection)
      }
    },
  }
}

async function* streamRows(
  connection: MysqlConnection,
  owner: StatementOwner,
  source: Awaited<ReturnType<typeof resolveSource>>,
  request: ExtractRequest,
  signal: AbortSignal,
  state: { packer: RowPacker | undefined },
) {
  let running = true
  let finish: () => void = () => undefined
  const finished = new Promise<void>((resolve) => {
    finish = () => {
      running = false
      resolve()
    }
  })
  const queue = new BatchQueue(
    {
      pause: () => connection.pause(),
      resume: () => connection.resume(),
      cancel: () => owner.cancelStatement(finished),
    },
    request.bufferBytes ?? BUFFER_BYTES,
  )
  const packer = new RowPacker(source.columns, source.policies, request.batchBytes, (batch) => queue.push(batch))
  state.packer = packer
  let refused = false
  const abort = () => queue.fail(abortError(signal, 'extract'))
  signal.addEventListener('abort', abort, { once: true })
  connection.stream(source.statement, {
    row(buffer, start, end) {
      if (refused || queue.closed) return
      try {
        packer.row(buffer, start, end)
      } catch (error) {
        // Thrown into the client library it would destroy the connection under its other commands.
        refused = true
        queue.fail(error as Error)
      }
    },
    end() {
      if (!refused && !queue.closed) {
        packer.flush(packer.rowsRead === 0)
        queue.end()
      }
      finish()
    },
    fail(error) {
      queue.fail(error as Error)
      finish()
    },
  })
  try {
    yield* queue
  } finally {
    signal.removeEventListener('abort', abort)
    // The queue cancels when its consumer leaves; after a failure of our own the statement still runs.
    if (running && !queue.cancelled) await owner.cancelStatement(finished)
  }
}

async function rollback(connection: MysqlConnection): Promise<void> {
  try {
    await connection.query('ROLLBACK')
  } catch {
    // A KILL QUERY that arrived late hits the next statement instead; that statement is this one.
    if (connection.usable) await connection.query('ROLLBACK')
  }
}
