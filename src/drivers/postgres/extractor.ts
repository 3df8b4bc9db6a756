import type { Column } from '../../core/batch.js'
import type { Extraction, ExtractRequest, SourceDescription } from '../../core/driver.js'
import { selectColumns } from '../../core/select-columns.js'
import { type StreamedStatement, streamStatement } from '../../core/statement-stream.js'
import { AirlockError } from '../../errors/index.js'
import { CopyTextDecoder } from './copy-decoder.js'
import type { PostgresConnection } from './native.js'
import { quoteName, quoteTable } from './sql.js'
import { findTarget } from './target.js'
import type { Transactions } from './transaction.js'
import { logicalType } from './types.js'

const SNAPSHOT = 'ISOLATION LEVEL REPEATABLE READ READ ONLY'

/** What an extraction asks of its session. */
export interface StatementOwner {
  /** Ends the running statement on the server and makes the session usable again, or destroys it; bounded. */
  cancelStatement(finished: Promise<void>): Promise<void>
}

interface PostgresSource {
  readonly statement: string
  readonly columns: readonly Column[]
}

/** One streaming pass over a table or a query by `COPY … TO STDOUT`, inside a read-only repeatable-read transaction. */
export function extractRows(
  connection: PostgresConnection,
  transactions: Transactions,
  owner: StatementOwner,
  request: ExtractRequest,
  signal: AbortSignal,
): Extraction {
  const state: { decoder: CopyTextDecoder | undefined } = { decoder: undefined }
  return {
    get rowsRead() {
      return state.decoder?.rowsRead ?? 0
    },
    policyCounts: {},
    async *[Symbol.asyncIterator]() {
      await transactions.begin(SNAPSHOT)
      let open = true
      try {
        const source = await resolveSource(connection, request)
        const statement = rowsOf(connection, owner, source, request, (decoder) => {
          state.decoder = decoder
        })
        yield* streamStatement(statement, { signal, bufferBytes: request.bufferBytes })
        await transactions.commit()
        open = false
      } finally {
        if (open) await transactions.rollback()
      }
    },
  }
}

/** For plans: the columns, the statement and how many rows the statistics promise. */
export async function describeSource(
  connection: PostgresConnection,
  request: ExtractRequest,
): Promise<SourceDescription> {
  const { statement, columns } = await resolveSource(connection, request)
  if (request.table === undefined) return { statement, columns, estimatedRows: undefined }
  const { rows } = await connection.query(
    'SELECT greatest(reltuples, 0)::bigint FROM pg_catalog.pg_class WHERE oid = $1::regclass',
    [quoteTable(request.table)],
  )
  const estimate = Number(rows[0]?.[0] ?? 0)
  return { statement, columns, estimatedRows: estimate > 0 ? estimate : undefined }
}

async function resolveSource(connection: PostgresConnection, request: ExtractRequest): Promise<PostgresSource> {
  if ((request.table === undefined) === (request.query === undefined)) {
    throw new AirlockError('CONFIG_INVALID', {
      phase: 'plan',
      params: { at: 'table', problem: 'give either `table` or `query`' },
    })
  }
  const table = request.table === undefined ? undefined : quoteTable(request.table)
  const from = table ?? `(${request.query!.trim().replace(/;\s*$/, '')}\n) AS airlock_source`
  const { fields } = await connection.query(`SELECT * FROM ${from} LIMIT 0`)
  const required = request.table === undefined ? new Set<string>() : await requiredColumns(connection, request.table)
  const keys = table === undefined ? new Map<string, number>() : await keyPositions(connection, table)
  const names = selectColumns(
    fields.map((field) => field.name),
    request.select,
  )
  const list: string[] = []
  const columns = names.map((name): Column => {
    const field = fields.find((candidate) => candidate.name === name)!
    const { type, cast } = logicalType(field.typeOid, field.typeModifier)
    list.push(cast === undefined ? quoteName(name) : `${quoteName(name)}::${cast}`)
    const keyPosition = keys.get(name) ?? 0
    return { name, type, nullable: !required.has(name), sourceType: type.kind, keyPosition }
  })
  const where = request.where === undefined ? '' : ` WHERE (${request.where}\n)`
  return { statement: `COPY (SELECT ${list.join(', ')} FROM ${from}${where}) TO STDOUT`, columns }
}

async function requiredColumns(connection: PostgresConnection, table: string): Promise<Set<string>> {
  const found = await findTarget(connection, table)
  if (found === undefined) return new Set()
  const { rows } = await connection.query(
    'SELECT attname FROM pg_catalog.pg_attribute WHERE attrelid = $1::oid AND attnum > 0 AND attnotnull',
    [found.oid],
  )
  return new Set(rows.map(([name]) => name!))
}

async function keyPositions(connection: PostgresConnection, table: string): Promise<Map<string, number>> {
  const { rows } = await connection.query(
    `SELECT a.attname, array_position(i.indkey::int2[], a.attnum) + 1
      FROM pg_catalog.pg_index i JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
      WHERE i.indrelid = $1::regclass AND i.indisprimary`,
    [table],
  )
  return new Map(rows.map(([name, position]) => [name!, Number(position)]))
}

function rowsOf(
  connection: PostgresConnection,
  owner: StatementOwner,
  source: PostgresSource,
  request: ExtractRequest,
  started: (decoder: CopyTextDecoder) => void,
): StreamedStatement {
  return {
    start({ push, guard, end, fail }) {
      const decoder = new CopyTextDecoder(source.columns, request.batchBytes, push)
      started(decoder)
      const unpack = guard((chunk) => decoder.push(chunk))
      return connection.copyOut(source.statement, {
        data: (chunk) => unpack(chunk, 0, chunk.length),
        end() {
          if (!decoder.complete) return fail(new AirlockError('PROTOCOL_ERROR', { phase: 'extract' }))
          decoder.flush(decoder.rowsRead === 0)
          end()
        },
        fail,
      })
    },
    cancel: (finished) => owner.cancelStatement(finished),
  }
}
