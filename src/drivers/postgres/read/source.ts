import type { Column } from '../../../core/batch.js'
import type { CursorPosition, ExtractRequest, SourceDescription } from '../../../core/driver.js'
import { selectColumns } from '../../../core/select-columns.js'
import { AirlockError } from '../../../errors/index.js'
import type { PostgresConnection } from '../native.js'
import { quoteName, quoteTable } from '../sql.js'
import { conjunction, cursorBounds, cursorRead, rangeCondition } from './bounded-read.js'
import { queryFields, type SourceRelation, tableFields } from './source-fields.js'
import { postgresSourcePolicies } from './source-policies.js'
import { readType } from './source-types.js'
import { loadTypes } from './type-catalog.js'

/** What a request reads, worked out against the server. */
export interface PostgresSource {
  /** The SELECT that gives canonical text. */
  readonly select: string
  readonly columns: readonly Column[]
  /** Of an incremental read: how far it will come, and how many rows without a cursor value it includes. */
  readonly position: CursorPosition | undefined
  readonly nullCursors: number | undefined
}

/** Asks the server what the columns of the request are, and builds the statement that reads them without loss. With
 * `bounded: false` an incremental read is described without asking how far it will come. Throws CONFIG_INVALID,
 * COLUMN_NOT_FOUND, CURSOR_NULL. */
export async function resolveSource(
  connection: PostgresConnection,
  request: ExtractRequest,
  { bounded }: { readonly bounded: boolean },
): Promise<PostgresSource> {
  const relation = await resolveRelation(connection, request)
  const names = selectColumns(
    relation.fields.map((field) => field.name),
    request.select,
  )
  const list: string[] = []
  const columns = names.map((name): Column => {
    const field = relation.fields.find((candidate) => candidate.name === name)!
    const { type, read } = readType(field.oid, field.modifier, relation.context)
    list.push(read === undefined ? quoteName(name) : read(quoteName(name)))
    return { name, type, nullable: !field.required, sourceType: field.declared, keyPosition: field.keyPosition }
  })
  const { conditions, position, nullCursors } = await boundsOf(connection, relation, request, bounded)
  const where = conditions.length === 0 ? '' : ` WHERE ${conjunction(conditions)}`
  return { select: `SELECT ${list.join(', ')} FROM ${relation.from}${where}`, columns, position, nullCursors }
}

/** For plans: the columns, the statement and how many rows the statistics promise. */
export async function describeSource(
  connection: PostgresConnection,
  request: ExtractRequest,
): Promise<SourceDescription> {
  const { select, columns } = await resolveSource(connection, request, { bounded: false })
  const statement = `COPY (${select}) TO STDOUT`
  if (request.table === undefined) return { statement, columns, estimatedRows: undefined }
  const { rows } = await connection.query(
    'SELECT greatest(reltuples, 0)::bigint FROM pg_catalog.pg_class WHERE oid = $1::regclass',
    [quoteTable(request.table)],
  )
  const estimate = Number(rows[0]?.[0] ?? 0)
  return { statement, columns, estimatedRows: estimate > 0 ? estimate : undefined }
}

async function resolveRelation(connection: PostgresConnection, request: ExtractRequest): Promise<SourceRelation> {
  const { table, query } = request
  if ((table === undefined) === (query === undefined)) {
    throw new AirlockError('CONFIG_INVALID', {
      phase: 'plan',
      params: { at: 'table', problem: 'give either `table` or `query`' },
    })
  }
  const policies = postgresSourcePolicies(request.policies)
  const from = table === undefined ? `(${withoutSemicolon(query!)}\n) AS airlock_source` : quoteTable(table)
  const fields = table === undefined ? await queryFields(connection, from) : await tableFields(connection, from)
  const catalog = await loadTypes(
    connection,
    fields.map((field) => field.oid),
  )
  const money = [...catalog.values()].some((type) => type.name === 'money' && type.schema === 'pg_catalog')
  return { from, fields, context: { catalog, policies, moneyDigits: money ? await moneyDigits(connection) : 0 } }
}

async function boundsOf(
  connection: PostgresConnection,
  relation: SourceRelation,
  request: ExtractRequest,
  bounded: boolean,
): Promise<Pick<PostgresSource, 'position' | 'nullCursors'> & { readonly conditions: readonly string[] }> {
  const conditions = request.where === undefined ? [] : [request.where]
  if (request.range !== undefined) conditions.push(await rangeCondition(connection, relation, request.range))
  const unbounded = { conditions, position: undefined, nullCursors: undefined }
  if (request.cursor === undefined) return unbounded
  const read = await cursorRead(connection, relation, request.cursor)
  if (!bounded) {
    return { ...unbounded, conditions: read.lower === undefined ? conditions : [...conditions, read.lower] }
  }
  const { condition, position, nullCursors } = await cursorBounds(connection, read, { from: relation.from, conditions })
  return { conditions: [...conditions, condition], position, nullCursors }
}

/** Digits behind the point, by the server's lc_monetary. */
export async function moneyDigits(connection: PostgresConnection): Promise<number> {
  const { rows } = await connection.query("SELECT scale('0'::pg_catalog.money::numeric)")
  return Number(rows[0]?.[0] ?? 0)
}

function withoutSemicolon(query: string): string {
  return query.trim().replace(/;\s*$/, '')
}
