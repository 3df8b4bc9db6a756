import type { Batch } from './batch.js'
import { BatchQueue } from './batch-queue.js'
import { abortError } from './errors-at-boundary.js'

/** Bytes that may wait for the consumer before the socket is paused. */
const BUFFER_BYTES = 1024 * 1024

/** The pace of a running statement. */
export interface Flow {
  pause(): void
  resume(): void
}

/** Unpacks bytes[start, end). */
export type Unpack = (bytes: Uint8Array, start: number, end: number) => void

/** How a statement tells what becomes of it. Of `end` and `fail` exactly one is called, once. */
export interface StatementEvents {
  push(batch: Batch): void
  /** Wraps what unpacks bytes. A failure in it fails the stream; thrown into a client library it would destroy the
   * connection under the library's other commands. After the first failure, and when the consumer has left, it is not
   * called. Made once per statement: it is called for every row. */
  guard(unpack: Unpack): Unpack
  /** The server confirmed the end of the rows. */
  end(): void
  fail(error: unknown): void
}

/** A statement whose rows are streamed, as its driver gives it. */
export interface StreamedStatement {
  /** Sends it. */
  start(events: StatementEvents): Flow | Promise<Flow>
  /** Ends it at the server and makes the session usable again, or destroys it; bounded. `finished` resolves when the
   * statement has ended. */
  cancel(finished: Promise<void>): Promise<void>
}

/** The batches of a statement, with backpressure on its socket. However the consumer leaves — at the end, by `break`, by an
 * error or an abort — the statement has ended at the server before this returns. */
export async function* streamStatement(
  statement: StreamedStatement,
  options: { readonly signal: AbortSignal; readonly bufferBytes: number | undefined },
): AsyncGenerator<Batch, void, undefined> {
  const { signal } = options
  let flow: Flow | undefined
  let running = true
  let finish: () => void = () => undefined
  const finished = new Promise<void>((resolve) => {
    finish = () => {
      running = false
      resolve()
    }
  })
  const cancel = async () => {
    // What the server has sent already has to be read before its answer to the cancel request arrives.
    flow?.resume()
    await statement.cancel(finished)
  }
  const source = { pause: () => flow?.pause(), resume: () => flow?.resume(), cancel }
  const queue = new BatchQueue(source, options.bufferBytes ?? BUFFER_BYTES)
  const abort = () => queue.fail(abortError(signal, 'extract'))
  const guard =
    (unpack: Unpack): Unpack =>
    (bytes, start, end) => {
      if (queue.closed) return
      try {
        unpack(bytes, start, end)
      } catch (error) {
        queue.fail(error as Error)
      }
    }
  // An aborted signal tells nobody any more: the statement would be sent, and nothing would end it.
  if (signal.aborted) throw abortError(signal, 'extract')
  signal.addEventListener('abort', abort, { once: true })
  try {
    flow = await statement.start({
      push: (batch) => queue.push(batch),
      guard,
      end() {
        queue.end()
        finish()
      },
      fail(error) {
        queue.fail(error as Error)
        finish()
      },
    })
    yield* queue
  } finally {
    signal.removeEventListener('abort', abort)
    // The queue cancels when its consumer leaves; after a failure of our own the statement still runs.
    if (running && flow !== undefined && !queue.cancelled) await cancel()
  }
}
