import type { Batch, Column } from '../../../core/batch.js'
import type { StatementEvents, StreamedStatement } from '../../../core/statement-stream.js'
import { AirlockError } from '../../../errors/index.js'
import type { PostgresConnection } from '../native.js'
import { unpackCopyText } from './copy-decoder.js'
import { unpackDataRows } from './data-row-decoder.js'
import { RowDecoder } from './row-decoder.js'

/** What is read. */
export interface ReadStatement {
  readonly select: string
  readonly columns: readonly Column[]
  readonly batchBytes: number | undefined
}

/** Packs rows as they come off the wire. */
export interface RowSink {
  readonly rowsRead: number
  /** Takes what a `RowTap` took off the socket. */
  readonly rows: RowDecoder['rows']
  /** The server says that there were so many rows. Throws PROTOCOL_ERROR where others were counted. */
  end(confirmed: number): void
}

export type MakeSink = (emit: (batch: Batch) => void) => RowSink

/** How a running statement is ended; see `StreamedStatement.cancel`. */
type Cancel = StreamedStatement['cancel']

/** Rows by `COPY … TO STDOUT`. `options` are those of the format that the sink takes. */
export function byCopy(
  connection: PostgresConnection,
  statement: ReadStatement,
  cancel: Cancel,
  started: (sink: RowSink) => void,
  raw?: { readonly sink: MakeSink; readonly options: string },
): StreamedStatement {
  const { columns, batchBytes } = statement
  const make: MakeSink = raw?.sink ?? ((emit) => new RowDecoder(columns, batchBytes, unpackCopyText(columns), emit))
  return {
    start(events) {
      const sink = make(events.push)
      started(sink)
      const text = `COPY (${statement.select}) TO STDOUT${raw?.options ?? ''}`
      return connection.rows(text, 'copy', {
        rows: guarded(events, sink),
        end: (rows) => finish(events, () => sink.end(rows)),
        fail: events.fail,
      })
    },
    cancel,
  }
}

/** Rows of one fetch. Narrow rows fill about one batch with it, and what a wide one adds is held back at the socket. */
const FETCH_ROWS = 5_000

/** The name of the cursor; it lives in our transaction only. */
const CURSOR = 'airlock_rows'

/** Rows by a cursor of the running transaction, for servers that refuse COPY. The batches are the same. */
export function byCursor(
  connection: PostgresConnection,
  statement: ReadStatement,
  cancel: Cancel,
  started: (sink: RowSink) => void,
): StreamedStatement {
  const { columns, batchBytes } = statement
  let stopped = false
  return {
    async start(events) {
      const sink = new RowDecoder(columns, batchBytes, unpackDataRows(columns), events.push)
      started(sink)
      // All rows will be read: a plan that is quick to begin with is not what is wanted.
      await connection.query('SET LOCAL cursor_tuple_fraction = 1')
      await connection.query(`DECLARE ${CURSOR} NO SCROLL CURSOR FOR ${statement.select}`)
      const rows = guarded(events, sink)
      let total = 0
      let paused = false
      let waiting = false
      const ended = (count: number): void => {
        total += count
        if (stopped) events.fail(new AirlockError('ABORTED', { phase: 'extract' }))
        else if (count < FETCH_ROWS) finish(events, () => sink.end(total))
        else if (paused) waiting = true
        else running = fetch()
      }
      const fetch = () =>
        connection.rows(`FETCH FORWARD ${FETCH_ROWS} FROM ${CURSOR}`, 'query', { rows, end: ended, fail: events.fail })
      let running = fetch()
      return {
        pause() {
          paused = true
          running.pause()
        },
        resume() {
          paused = false
          running.resume()
          if (waiting) running = fetch()
          waiting = false
        },
      }
    },
    cancel(finished) {
      stopped = true
      return cancel(finished)
    },
  }
}

/** A failure while rows are unpacked fails the stream, not the client library. */
function guarded(events: StatementEvents, sink: RowSink): RowSink['rows'] {
  let ended: Parameters<RowSink['rows']>[3]
  const unpack = events.guard((chunk, start, end) => sink.rows(chunk, start, end, ended))
  return (chunk, start, end, state) => {
    ended = state
    unpack(chunk, start, end)
  }
}

function finish(events: StatementEvents, work: () => void): void {
  try {
    work()
    events.end()
  } catch (error) {
    events.fail(error)
  }
}
