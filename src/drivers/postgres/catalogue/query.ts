import type { Column } from '../../../core/batch.js'
import type { Privileges, QueryLimits, QueryResult } from '../../../core/driver.js'
import { QueryCollector } from '../../../core/query-collector.js'
import { queryRefused } from '../../../core/query-refusal.js'
import type { PgField, PostgresConnection } from '../native.js'
import { RowRead } from '../read/row-read.js'
import { isReshaped, readType } from '../read/source-types.js'
import { typeContext } from '../read/type-context.js'
import type { Transactions } from '../transaction.js'
import { postgresProvenance } from './provenance.js'
import { refusePostgresWrites } from './query-guard.js'

const BYTEA = 17
const READ_ONLY_STATE = '25006'

/** One statement that reads, in a read-only transaction that it cannot leave, and that is rolled back whatever happens.
 * `cancel` ends the running statement at the server. Throws QUERY_REFUSED and what the server says of the statement. */
export async function queryPostgres(
  connection: PostgresConnection,
  transactions: Transactions,
  sql: string,
  limits: QueryLimits,
  owner: { readonly cancel: () => Promise<void>; readonly privileges: () => Promise<Privileges> },
): Promise<QueryResult> {
  const tokens = refusePostgresWrites(sql)
  const { fields, collector, canWrite } = await readInside(connection, transactions, sql, limits, owner)
  // In a transaction of its own: a statement that a cap has ended leaves one behind that takes no other.
  return await transactions.reading(async () => {
    const result = collector.result(await columnsOf(connection, fields), canWrite)
    if (limits.provenance !== true) return result
    return { ...result, provenance: await postgresProvenance(connection, tokens, fields) }
  })
}

async function readInside(
  connection: PostgresConnection,
  transactions: Transactions,
  sql: string,
  limits: QueryLimits,
  owner: { readonly cancel: () => Promise<void>; readonly privileges: () => Promise<Privileges> },
): Promise<{ readonly fields: readonly PgField[]; readonly collector: QueryCollector; readonly canWrite: boolean }> {
  await transactions.begin('READ ONLY')
  try {
    // This takes the transaction's first snapshot; from then on nothing makes it READ WRITE.
    await connection.query("SELECT set_config('statement_timeout', $1, true)", [`${limits.timeoutMs}ms`])
    const { canWrite, superuser } = await owner.privileges()
    const { fields, collector } = await readRows(connection, sql, limits, owner.cancel)
    if (fields === undefined) throw queryRefused('statement')
    return { fields, collector, canWrite: canWrite || superuser }
  } finally {
    await transactions.rollback()
  }
}

async function readRows(
  connection: PostgresConnection,
  sql: string,
  limits: QueryLimits,
  cancel: () => Promise<void>,
): Promise<{ readonly fields: readonly PgField[] | undefined; readonly collector: QueryCollector }> {
  let collector: QueryCollector | undefined
  let cancelled: Promise<void> | undefined
  // One more than the cap: only then is a full result known to be more.
  let received = 0
  const read = new RowRead(sql, limits.rows + 1, (cells, fields) => {
    received++
    if (cancelled !== undefined) return
    collector ??= new QueryCollector(limits, hexOf(fields))
    const taken = collector.row(cells.map((cell, column) => bytesOf(cell, fields[column]!)))
    // Behind the row that is one too many the server stops by itself.
    if (!taken && received <= limits.rows) cancelled = cancel()
  })
  try {
    await connection.readRows(read)
  } catch (error) {
    // A statement that we ended ourselves, because the rest of its rows is not wanted, has done its work.
    if (cancelled === undefined || !hasState(error, '57014')) throw refusalOr(error)
  } finally {
    await cancelled
  }
  const { fields } = read
  return { fields, collector: collector ?? new QueryCollector(limits, hexOf(fields ?? [])) }
}

function hexOf(fields: readonly PgField[]): readonly boolean[] {
  return fields.map(({ typeOid }) => typeOid === BYTEA)
}

function bytesOf(cell: string | null, { typeOid }: PgField): Uint8Array | null {
  if (cell === null) return null
  return typeOid === BYTEA ? Buffer.from(cell.slice(2), 'hex') : Buffer.from(cell)
}

/** The columns of a result. A value that a stream would convert is shown in the server's own form, as text. */
async function columnsOf(connection: PostgresConnection, fields: readonly PgField[]): Promise<readonly Column[]> {
  const context = await typeContext(
    connection,
    fields.map(({ typeOid }) => typeOid),
  )
  return fields.map(({ name, typeOid, typeModifier }) => {
    const reshaped = isReshaped(typeOid, typeModifier, context)
    const { type } = readType(typeOid, typeModifier, context)
    const sourceType = context.catalog.get(typeOid)?.name ?? 'unknown'
    return { name, type: reshaped ? { kind: 'text' } : type, nullable: true, sourceType, keyPosition: 0 }
  })
}

/** What the read-only transaction stopped is a refusal like any other. Of the server's other errors only the SQLSTATE
 * stays: its texts quote the statement. */
function refusalOr(error: unknown): unknown {
  if (hasState(error, READ_ONLY_STATE)) return queryRefused('writes')
  if (!(error instanceof Error) || !('severity' in error) || !('code' in error)) return error
  return Object.assign(new Error('refused'), { severity: error.severity, code: error.code })
}

function hasState(error: unknown, state: string): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && error.code === state
}
