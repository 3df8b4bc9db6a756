import type { CursorPosition, CursorStart, KeyRange } from '../../../core/driver.js'
import { AirlockError } from '../../../errors/index.js'
import type { PostgresConnection } from '../native.js'
import { BLOCK_COLUMN, placeLiteral } from './blocks.js'
import { checkBounds, type OrderedColumn, orderedColumn } from './ordered-column.js'
import type { SourceRelation } from './source-fields.js'

/** Rows whose column lies in [from, to), as a condition. Throws COLUMN_NOT_FOUND, CONFIG_INVALID. */
export async function rangeCondition(
  connection: PostgresConnection,
  relation: SourceRelation,
  range: KeyRange,
): Promise<string> {
  const isColumn = relation.fields.some(({ name }) => name === range.column)
  if (range.column === BLOCK_COLUMN && !isColumn) return blockCondition(range)
  const column = await orderedColumn(connection, relation, range.column, 'range')
  const bounds: string[] = []
  const literals: string[] = []
  const bound = (operator: string, text: string): void => {
    const literal = column.literal(text)
    literals.push(literal)
    bounds.push(`${column.sql} ${operator} ${literal}`)
  }
  if (range.from !== undefined) bound('>=', range.from)
  if (range.to !== undefined) bound('<', range.to)
  await checkBounds(connection, [{ column, literals }], 'range')
  // An open range is still one over the column: rows without a value lie in no part of it.
  return bounds.length === 0 ? `${column.sql} IS NOT NULL` : bounds.join(' AND ')
}

function blockCondition({ from, to }: KeyRange): string {
  const bounds: string[] = []
  if (from !== undefined) bounds.push(`${BLOCK_COLUMN} >= ${placeLiteral(from)}`)
  if (to !== undefined) bounds.push(`${BLOCK_COLUMN} < ${placeLiteral(to)}`)
  return bounds.length === 0 ? 'true' : bounds.join(' AND ')
}

/** Where an incremental read begins, worked out for one source. */
export interface CursorRead {
  readonly column: OrderedColumn
  readonly keys: readonly OrderedColumn[]
  readonly nulls: CursorStart['nulls']
  /** The literal of the last value. */
  readonly from: string | undefined
  /** Rows that come after the last position; undefined: all. They move the position. */
  readonly fresh: string | undefined
  /** Those and what the lag reads again. */
  readonly lower: string | undefined
}

/** How far an incremental read will come, and the condition that it reads by. */
export interface CursorBounds {
  readonly condition: string
  readonly position: CursorPosition | undefined
  /** Rows without a cursor value that are read. */
  readonly nullCursors: number
}

interface Rows {
  readonly from: string
  readonly conditions: readonly string[]
}

/** Throws COLUMN_NOT_FOUND, CONFIG_INVALID. Columns are compared as they are, so that an index can be used; with a key, as
 * a row, which an index over cursor and key answers directly. */
export async function cursorRead(
  connection: PostgresConnection,
  relation: SourceRelation,
  cursor: CursorStart,
): Promise<CursorRead> {
  const column = await orderedColumn(connection, relation, cursor.column, 'cursor')
  const keys: OrderedColumn[] = []
  for (const name of cursor.key) keys.push(await orderedColumn(connection, relation, name, 'cursor.key'))
  const after = cursor.after ?? []
  if (after.length !== 0 && after.length !== keys.length) {
    throw invalid('cursor.after', 'it has as many values as `key` has columns')
  }
  const from = cursor.from === undefined ? undefined : column.literal(cursor.from)
  const afterLiterals = after.map((text, index) => keys[index]!.literal(text))
  await checkBounds(
    connection,
    [
      { column, literals: from === undefined ? [] : [from] },
      ...keys.map((key, index) => ({ column: key, literals: after.length === 0 ? [] : [afterLiterals[index]!] })),
    ],
    'cursor',
  )
  const read = { column, keys, nulls: cursor.nulls, from, fresh: undefined, lower: undefined }
  if (from === undefined) return read
  const row = `(${[column, ...keys].map((each) => each.sql).join(', ')})`
  const fresh = after.length === 0 ? `${column.sql} >= ${from}` : `${row} > (${[from, ...afterLiterals].join(', ')})`
  return { ...read, fresh, lower: withLag(cursor, column, from, fresh) }
}

/** Asks how far the read will come. In the snapshot that the rows are then read from: a value that is committed later
 * than this is neither read nor passed. Throws CURSOR_NULL with the count of rows that would never be read. */
export async function cursorBounds(
  connection: PostgresConnection,
  read: CursorRead,
  source: Rows,
): Promise<CursorBounds> {
  const { column } = read
  const nullCursors = column.required ? 0 : await countMissing(connection, column, source)
  if (nullCursors > 0 && read.nulls === 'error') {
    const problem = `${nullCursors} in ${column.name}`
    throw new AirlockError('CURSOR_NULL', { phase: 'extract', params: { problem } })
  }
  const position = await lastPosition(connection, read, source)
  const alternatives = nullCursors > 0 ? [`${column.sql} IS NULL`] : []
  const upper = position === undefined ? read.from : column.literal(position.value)
  if (upper !== undefined) {
    const lower = read.lower === undefined ? [] : [read.lower]
    alternatives.unshift(conjunction([...lower, `${column.sql} <= ${upper}`]))
  }
  return { condition: alternatives.length === 0 ? 'false' : alternatives.join(' OR '), position, nullCursors }
}

/** Conditions that all have to hold. A line of its own each: one that ends in a comment must not swallow what follows. */
export function conjunction(conditions: readonly string[]): string {
  return conditions.map((condition) => `(${condition}\n)`).join(' AND ')
}

async function countMissing(connection: PostgresConnection, column: OrderedColumn, source: Rows): Promise<number> {
  const where = conjunction([...source.conditions, `${column.sql} IS NULL`])
  const { rows } = await connection.query(`SELECT count(*) FROM ${source.from} WHERE ${where}`)
  return Number(rows[0]?.[0] ?? 0)
}

/** One row from the end of an index, where the cursor has one; the best of one pass otherwise. */
async function lastPosition(
  connection: PostgresConnection,
  { column, keys, fresh }: CursorRead,
  source: Rows,
): Promise<CursorPosition | undefined> {
  const list = [column, ...keys].map((each) => each.canonical).join(', ')
  const order = [column, ...keys].map((each) => `${each.sql} DESC`).join(', ')
  const known = column.required ? [] : [`${column.sql} IS NOT NULL`]
  const conditions = [...source.conditions, ...known, ...(fresh === undefined ? [] : [fresh])]
  const where = conditions.length === 0 ? '' : ` WHERE ${conjunction(conditions)}`
  const { rows } = await connection.query(`SELECT ${list} FROM ${source.from}${where} ORDER BY ${order} LIMIT 1`)
  const [value, ...key] = rows[0] ?? []
  if (value === undefined || value === null) return undefined
  if (key.includes(null)) throw new AirlockError('KEY_NULL', { phase: 'extract', params: { problem: column.name } })
  return { value, key: key.map((text) => text!) }
}

function withLag(cursor: CursorStart, column: OrderedColumn, from: string, fresh: string): string {
  const { lag = 0 } = cursor
  if (lag === 0) return fresh
  if (!(lag > 0 && Number.isFinite(lag))) throw invalid('cursor.lag', 'it is a positive number')
  const again = `${column.sql} >= ${column.earlier(cursor.from!, from, lag)}`
  return cursor.after === undefined || cursor.after.length === 0
    ? again
    : `(${again} AND ${column.sql} < ${from}) OR ${fresh}`
}

function invalid(at: string, problem: string): AirlockError {
  return new AirlockError('CONFIG_INVALID', { phase: 'plan', params: { at, problem } })
}
