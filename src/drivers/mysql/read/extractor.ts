import type { CursorPosition, Extraction, ExtractRequest } from '../../../core/driver.js'
import { type StreamedStatement, streamStatement } from '../../../core/statement-stream.js'
import type { MysqlConnection } from '../native.js'
import { cursorBounds } from './bounded-read.js'
import { RowPacker } from './row-packer.js'
import { BEGIN_SNAPSHOT } from './snapshot.js'
import { type MysqlSource, resolveSource } from './source.js'

/** What an extraction asks of its session. */
export interface StatementOwner {
  /** Ends the running statement on the server and makes the session usable again, or destroys it; bounded. */
  cancelStatement(finished: Promise<void>): Promise<void>
  /** Does work that runs statements; an abort ends the running one on the server. */
  cancelOnAbort<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T>
}

/** What an extraction works with. */
export interface ExtractionTools {
  readonly connection: MysqlConnection
  readonly owner: StatementOwner
  /** The session is in a transaction already, whose snapshot the rows are to be of. */
  readonly inSnapshot: boolean
}

/** One streaming pass over a table or a query, inside a read-only transaction with a consistent snapshot. */
export function extractRows(tools: ExtractionTools, request: ExtractRequest, signal: AbortSignal): Extraction {
  const { connection, owner, inSnapshot } = tools
  const state: {
    packer: RowPacker | undefined
    position: CursorPosition | undefined
    nullCursors: number
  } = { packer: undefined, position: undefined, nullCursors: 0 }
  return {
    get rowsRead() {
      return state.packer?.rowsRead ?? 0
    },
    get policyCounts() {
      const counts = state.packer?.policyCounts ?? {}
      return state.nullCursors === 0 ? counts : { ...counts, null_cursors: state.nullCursors }
    },
    get cursor() {
      return state.position
    },
    async *[Symbol.asyncIterator]() {
      let open = !inSnapshot
      if (open) await connection.query(BEGIN_SNAPSHOT)
      try {
        const source = await owner.cancelOnAbort(signal, async () => {
          const resolved = await resolveSource(connection, request)
          if (resolved.cursor === undefined) return resolved
          const { condition, position, nullCursors } = await cursorBounds(connection, resolved.cursor, resolved)
          state.nullCursors = nullCursors
          state.position = position
          return { ...resolved, statement: resolved.statementWhere(condition) }
        })
        const statement = rowsOf(connection, owner, source, request, (packer) => {
          state.packer = packer
        })
        yield* streamStatement(statement, { signal, bufferBytes: request.bufferBytes })
        if (open) await connection.query('COMMIT')
        open = false
      } finally {
        if (open && connection.usable) await rollback(connection)
      }
    },
  }
}

function rowsOf(
  connection: MysqlConnection,
  owner: StatementOwner,
  source: MysqlSource,
  request: ExtractRequest,
  started: (packer: RowPacker) => void,
): StreamedStatement {
  return {
    start({ push, guard, end, fail }) {
      const packer = new RowPacker(source.columns, source.policies, request.batchBytes, push)
      started(packer)
      connection.stream(source.statement, {
        row: guard((bytes, from, to) => packer.row(bytes, from, to)),
        end() {
          packer.flush(packer.rowsRead === 0)
          end()
        },
        fail,
      })
      return connection
    },
    cancel: (finished) => owner.cancelStatement(finished),
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
