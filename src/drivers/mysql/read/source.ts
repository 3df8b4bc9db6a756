import type { ExtractRequest, SourceDescription } from '../../../core/driver.js'
import { selectColumns } from '../../../core/select-columns.js'
import { parseTableName } from '../../../core/table-name.js'
import { AirlockError } from '../../../errors/index.js'
import type { MysqlConnection } from '../native.js'
import { type MysqlPolicies, mysqlPolicies } from '../policies.js'
import { quoteName, quoteTable, quoteText } from '../sql.js'
import { type CursorRead, conjunction, cursorRead, rangeCondition } from './bounded-read.js'
import { type MysqlColumn, mysqlColumn } from './columns.js'

/** What a request reads, worked out against the server: the statement to run and how to read each column of it. */
export interface MysqlSource {
  readonly statement: string
  readonly columns: readonly MysqlColumn[]
  readonly policies: MysqlPolicies
  /** What it is selected from, and which of it, without the cursor. */
  readonly from: string
  readonly conditions: readonly string[]
  readonly cursor: CursorRead | undefined
  /** The statement with another condition in place of the cursor's own. */
  statementWhere(cursor: string): string
}

/** Asks the server what the columns of the request are, and builds the statement that reads them without loss. */
export async function resolveSource(connection: MysqlConnection, request: ExtractRequest): Promise<MysqlSource> {
  const policies = mysqlPolicies(request.policies)
  if ((request.table === undefined) === (request.query === undefined)) {
    throw new AirlockError('CONFIG_INVALID', {
      phase: 'plan',
      params: { at: 'table', problem: 'give either `table` or `query`' },
    })
  }
  const from =
    request.table === undefined
      ? `(${withoutSemicolon(request.query!)}\n) AS airlock_source`
      : quoteTable(request.table)
  const { fields } = await connection.query(`SELECT * FROM ${from} LIMIT 0`)
  const keys = request.table === undefined ? new Map<string, number>() : await keyPositions(connection, request.table)
  const names = selectColumns(
    fields.map((field) => field.name),
    request.select,
  )
  const columns = names.map((name) => {
    const field = fields.find((candidate) => candidate.name === name)!
    return mysqlColumn(field, policies, keys.get(name) ?? 0)
  })
  const list = columns.map(({ column, expression }) => {
    const identifier = quoteName(column.name)
    return expression === undefined ? identifier : `${expression(identifier)} AS ${identifier}`
  })
  const conditions = [
    ...(request.where === undefined ? [] : [request.where]),
    ...(request.range === undefined ? [] : [rangeCondition(request.range, fields)]),
  ]
  const cursor = request.cursor === undefined ? undefined : cursorRead(request.cursor, fields)
  const statementOf = (all: readonly string[]) =>
    `SELECT ${list.join(', ')} FROM ${from}${all.length === 0 ? '' : ` WHERE ${conjunction(all)}`}`
  return {
    statement: statementOf(cursor?.lower === undefined ? conditions : [...conditions, cursor.lower]),
    columns,
    policies,
    from,
    conditions,
    cursor,
    statementWhere: (condition) => statementOf([...conditions, condition]),
  }
}

/** For plans: the columns, the statement and how many rows the statistics promise. */
export async function describeSource(connection: MysqlConnection, request: ExtractRequest): Promise<SourceDescription> {
  const { statement, columns } = await resolveSource(connection, request)
  return {
    columns: columns.map(({ column }) => column),
    statement,
    estimatedRows: request.table === undefined ? undefined : await estimateRows(connection, request.table),
  }
}

async function keyPositions(connection: MysqlConnection, table: string): Promise<Map<string, number>> {
  const { rows } = await connection.query(
    `SELECT column_name, seq_in_index FROM information_schema.statistics WHERE ${ofTable(table)} AND index_name = 'PRIMARY'`,
  )
  return new Map(rows.map(([name, position]) => [name ?? '', Number(position)]))
}

async function estimateRows(connection: MysqlConnection, table: string): Promise<number | undefined> {
  const { rows } = await connection.query(`SELECT table_rows FROM information_schema.tables WHERE ${ofTable(table)}`)
  const estimate = rows[0]?.[0]
  return estimate === null || estimate === undefined ? undefined : Number(estimate)
}

function ofTable(table: string): string {
  const { schema, name } = parseTableName(table)
  return `table_schema = ${schema === undefined ? 'DATABASE()' : quoteText(schema)} AND table_name = ${quoteText(name)}`
}

function withoutSemicolon(query: string): string {
  return query.trim().replace(/;\s*$/, '')
}
