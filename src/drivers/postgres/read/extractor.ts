import type { Batch } from '../../../core/batch.js'
import type { CursorPosition, Extraction, ExtractRequest } from '../../../core/driver.js'
import { type StreamedStatement, streamStatement } from '../../../core/statement-stream.js'
import { isRefusedCopy } from '../errors.js'
import type { PostgresConnection } from '../native.js'
import type { Transactions } from '../transaction.js'
import { rawReader } from './raw-rows.js'
import { byCopy, byCursor, type RowSink } from './row-sources.js'
import { SNAPSHOT } from './snapshot.js'
import { type PostgresSource, resolveSource } from './source.js'

/** How rows are read: by COPY, with a cursor where the server refuses that, or by a cursor at once. */
export type ReadBy = 'copy' | 'cursor'

/** What an extraction asks of its session. */
export interface StatementOwner {
  /** Ends the running statement on the server and makes the session usable again, or destroys it; bounded. */
  cancelStatement(finished: Promise<void>): Promise<void>
  /** Does work that runs statements; an abort ends the running one on the server. */
  cancelOnAbort<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T>
}

/** What an extraction works with. */
export interface ExtractionTools {
  readonly connection: PostgresConnection
  readonly transactions: Transactions
  readonly owner: StatementOwner
  readonly readBy: ReadBy
}

/** One streaming pass over a table or a query, inside a read-only repeatable-read transaction. */
export function extractRows(tools: ExtractionTools, request: ExtractRequest, signal: AbortSignal): Extraction {
  const progress: Progress = { sink: undefined, cursor: undefined, nullCursors: undefined }
  return {
    get rowsRead() {
      return progress.sink?.rowsRead ?? 0
    },
    get policyCounts(): Readonly<Record<string, number>> {
      return progress.nullCursors === undefined ? {} : { null_cursors: progress.nullCursors }
    },
    get cursor() {
      return progress.cursor
    },
    async *[Symbol.asyncIterator]() {
      try {
        yield* oneTransaction(tools, tools.readBy, request, signal, progress)
      } catch (error) {
        // COPY is refused before its first row. What a cursor of the failed transaction could still see, one in a new
        // transaction sees as well.
        if (tools.readBy !== 'copy' || !isRefusedCopy(error) || progress.sink?.rowsRead !== 0) throw error
        yield* oneTransaction(tools, 'cursor', request, signal, progress)
      }
    },
  }
}

interface Progress {
  sink: RowSink | undefined
  cursor: CursorPosition | undefined
  nullCursors: number | undefined
}

async function* oneTransaction(
  tools: ExtractionTools,
  readBy: ReadBy,
  request: ExtractRequest,
  signal: AbortSignal,
  progress: Progress,
): AsyncGenerator<Batch, void, undefined> {
  const { connection, transactions, owner } = tools
  await transactions.begin(SNAPSHOT)
  let open = true
  try {
    const source = await owner.cancelOnAbort(signal, () => resolveSource(connection, request, { bounded: true }))
    progress.cursor = source.position
    progress.nullCursors = request.cursor?.nulls === 'include' ? source.nullCursors : undefined
    const statement = statementOf(tools, readBy, source, request, (sink) => {
      progress.sink = sink
    })
    yield* streamStatement(statement, { signal, bufferBytes: request.bufferBytes })
    await transactions.commit()
    open = false
  } finally {
    if (open) await leave(connection, transactions)
  }
}

/** Ends the transaction of a read that was left. Where the connection went with the statement, as it does when a row that
 * is too large cannot be skipped in time, the server has ended it, and the error of the read stands. */
async function leave(connection: PostgresConnection, transactions: Transactions): Promise<void> {
  try {
    await transactions.rollback()
  } catch (error) {
    if (connection.usable) throw error
  }
}

function statementOf(
  { connection, owner }: ExtractionTools,
  readBy: ReadBy,
  source: PostgresSource,
  request: ExtractRequest,
  started: (sink: RowSink) => void,
): StreamedStatement {
  const { select, columns } = source
  const statement = { select, columns, batchBytes: request.batchBytes }
  const cancel: StreamedStatement['cancel'] = (finished) => owner.cancelStatement(finished)
  if (readBy === 'cursor') return byCursor(connection, statement, cancel, started)
  return byCopy(connection, statement, cancel, started, rawReader(columns, request))
}
