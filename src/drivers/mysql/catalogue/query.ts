import type { Privileges, QueryLimits, QueryResult } from '../../../core/driver.js'
import { QueryCollector } from '../../../core/query-collector.js'
import { queryRefused } from '../../../core/query-refusal.js'
import { streamStatement } from '../../../core/statement-stream.js'
import { AirlockError } from '../../../errors/index.js'
import type { MysqlConnection, WireField } from '../native.js'
import { mysqlPolicies } from '../policies.js'
import { type MysqlColumn, mysqlColumn } from '../read/columns.js'
import type { StatementOwner } from '../read/extractor.js'
import { RowPacker } from '../read/row-packer.js'
import { withoutText } from '../write/statement-command.js'
import { mysqlProvenance } from './provenance.js'
import { refuseMysqlWrites } from './query-guard.js'

/** Bytes of a batch: small, so that a cap is noticed soon. */
const BATCH_BYTES = 16 * 1024
const READ_ONLY_ERRORS = [1792, 1290, 1836]
/** A stored function or a trigger may not do this inside of a SELECT: commit, or alter what is in use. */
const NOT_IN_A_READ = [1422, 1442]

/** One statement that reads, in a read-only transaction that is rolled back whatever happens. What this changes of the
 * session stays changed: its caller resets the session. Throws QUERY_REFUSED and what the server says of the statement. */
export async function queryMysql(
  connection: MysqlConnection,
  owner: StatementOwner & { privileges(): Promise<Privileges> },
  sql: string,
  limits: QueryLimits,
  signal: AbortSignal,
): Promise<QueryResult> {
  const tokens = refuseMysqlWrites(sql)
  try {
    const { canWrite, superuser } = await owner.privileges()
    for (const statement of readOnlySettings(connection, limits)) await connection.query(statement)
    // Parsed alone, so that there is no second statement; without columns it is something else than a read.
    const { fields, parameters } = await owner.cancelOnAbort(signal, () => connection.prepare(sql))
    if (parameters > 0) throw queryRefused('parameters')
    if (fields.length === 0) throw queryRefused('statement')
    const columns = fields.map(asTheServerShowsIt)
    const hex = columns.map(({ column }) => column.type.kind === 'bytes')
    const collector = new QueryCollector(limits, hex)
    await collectRows(connection, owner, { sql, columns, signal }, collector)
    const result = collector.result(
      columns.map(({ column }) => column),
      canWrite || superuser,
    )
    return limits.provenance === true ? { ...result, provenance: mysqlProvenance(tokens, fields) } : result
  } catch (error) {
    throw refusalOr(error)
  } finally {
    if (connection.usable) await connection.query('ROLLBACK')
  }
}

async function collectRows(
  connection: MysqlConnection,
  owner: StatementOwner,
  read: { readonly sql: string; readonly columns: readonly MysqlColumn[]; readonly signal: AbortSignal },
  collector: QueryCollector,
): Promise<void> {
  const statement = {
    start({ push, guard, end, fail }: Parameters<Parameters<typeof streamStatement>[0]['start']>[0]) {
      const packer = new RowPacker(read.columns, mysqlPolicies(), BATCH_BYTES, push)
      connection.stream(read.sql, {
        row: guard((bytes, from, to) => packer.row(bytes, from, to)),
        end() {
          packer.flush(packer.rowsRead === 0)
          end()
        },
        fail,
      })
      return connection
    },
    cancel: (finished: Promise<void>) => owner.cancelStatement(finished),
  }
  const zoned = read.columns.map(({ column }) => column.type.kind === 'timestamptz')
  for await (const batch of streamStatement(statement, { signal: read.signal, bufferBytes: BATCH_BYTES })) {
    for (let row = 0; row < batch.rowCount; row++) {
      const cells = zoned.map((withZone, column) => {
        const cell = batch.cell(row, column)
        return withZone && cell !== null ? inUtc(cell) : cell
      })
      if (!collector.row(cells)) return
    }
  }
}

/** The transaction alone would be left by a statement that commits by itself; the session's own mode holds after that too.
 * One row more than the cap is asked for: only then is a full result known to be more. */
function readOnlySettings(connection: MysqlConnection, limits: QueryLimits): readonly string[] {
  const timeout = connection.mariadb
    ? `max_statement_time = ${limits.timeoutMs / 1000}`
    : `max_execution_time = ${limits.timeoutMs}`
  return [
    `SET SESSION sql_select_limit = ${limits.rows + 1}, ${timeout}`,
    'SET SESSION TRANSACTION READ ONLY',
    'START TRANSACTION READ ONLY',
  ]
}

/** The session's zone; a zero has none. */
function inUtc(cell: Uint8Array): Uint8Array {
  const text = Buffer.from(cell).toString('latin1')
  return text.startsWith('0000') ? cell : Buffer.from(`${text}+00`, 'latin1')
}

/** A date that is zero is shown as what it is: nothing has to be stored elsewhere. */
function asTheServerShowsIt(field: WireField): MysqlColumn {
  const column = mysqlColumn(field, mysqlPolicies())
  const moment = ['date', 'timestamp', 'timestamptz'].includes(column.conversion)
  return moment ? { ...column, conversion: 'copy' } : column
}

/** What the read-only transaction stopped is a refusal like any other. Of the server's other errors only the number stays:
 * its texts quote the statement. */
function refusalOr(error: unknown): unknown {
  if (error instanceof AirlockError || !(error instanceof Error)) return error
  const errno = 'errno' in error ? Number(error.errno) : 0
  const stopped = READ_ONLY_ERRORS.includes(errno) || NOT_IN_A_READ.includes(errno)
  return stopped ? queryRefused('writes') : withoutText(error)
}
