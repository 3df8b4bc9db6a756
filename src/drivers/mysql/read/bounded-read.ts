import type { CursorPosition, CursorStart, KeyRange } from '../../../core/driver.js'
import { suggest } from '../../../core/suggest.js'
import { AirlockError } from '../../../errors/index.js'
import type { MysqlConnection, WireField } from '../native.js'
import { type OrderedColumn, orderedColumn } from './ordered-column.js'

const NOT_NULL = 1

/** Rows whose column lies in [from, to), as a condition. Throws COLUMN_NOT_FOUND, CONFIG_INVALID. */
export function rangeCondition(range: KeyRange, fields: readonly WireField[]): string {
  const column = orderedColumn(fieldOf(range.column, fields, 'range'), 'range.column')
  const { sql } = column
  const bounds: string[] = []
  if (range.from !== undefined) bounds.push(`${sql} >= ${column.literal(range.from, 'range.from')}`)
  if (range.to !== undefined) bounds.push(`${sql} < ${column.literal(range.to, 'range.to')}`)
  // An open range is still one over the column: rows without a value lie in no part of it.
  return bounds.length === 0 ? `${sql} IS NOT NULL` : bounds.join(' AND ')
}

/** Where an incremental read begins, worked out for one source. */
export interface CursorRead {
  readonly column: OrderedColumn
  readonly keys: readonly OrderedColumn[]
  readonly nulls: CursorStart['nulls']
  /** Whether there can be rows without a cursor value. */
  readonly mayMiss: boolean
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

/** Throws COLUMN_NOT_FOUND, CONFIG_INVALID. */
export function cursorRead(cursor: CursorStart, fields: readonly WireField[]): CursorRead {
  const field = fieldOf(cursor.column, fields, 'cursor')
  const column = orderedColumn(field, 'cursor.column')
  const keys = cursor.key.map((name) => orderedColumn(fieldOf(name, fields, 'cursor.key'), 'cursor.key'))
  const { sql } = column
  const mayMiss = (field.flags & NOT_NULL) === 0 || column.missing.includes('<')
  const read = { column, keys, nulls: cursor.nulls, mayMiss, from: undefined, fresh: undefined, lower: undefined }
  if (cursor.from === undefined) return read
  const from = column.literal(cursor.from, 'cursor.from')
  const after = cursor.after ?? []
  if (after.length !== 0 && after.length !== keys.length) throw wrongKey()
  const atOrAfter = `${sql} >= ${from}`
  // The first half alone can be looked up in an index by every optimizer.
  const fresh =
    after.length === 0
      ? atOrAfter
      : `${atOrAfter} AND (${sql} > ${from} OR (${sql} = ${from} AND ${laterKey(keys, after)}))`
  return { ...read, from, fresh, lower: withLag(cursor, column, from, fresh) }
}

/** Asks how far the read will come. In the snapshot that the rows are then read from: a value that is committed later
 * than this is neither read nor passed. Throws CURSOR_NULL with the count of rows that would never be read. */
export async function cursorBounds(
  connection: MysqlConnection,
  read: CursorRead,
  source: { readonly from: string; readonly conditions: readonly string[] },
): Promise<CursorBounds> {
  const { column } = read
  const nullCursors = read.mayMiss ? await countMissing(connection, read, source) : 0
  if (nullCursors > 0 && read.nulls === 'error') {
    const problem = `${nullCursors} in ${column.name}`
    throw new AirlockError('CURSOR_NULL', { phase: 'extract', params: { problem } })
  }
  const position = await lastPosition(connection, read, source)
  const alternatives = nullCursors > 0 ? [column.missing] : []
  const upper = position === undefined ? read.from : column.literal(position.value, 'cursor')
  if (upper !== undefined) {
    alternatives.unshift(conjunction([...(read.lower === undefined ? [] : [read.lower]), `${column.sql} <= ${upper}`]))
  }
  const condition = alternatives.length === 0 ? '1 = 0' : alternatives.map((part) => `(${part})`).join(' OR ')
  return { condition, position, nullCursors }
}

/** Conditions that all have to hold. A line of its own each: one that ends in a comment must not swallow what follows. */
export function conjunction(conditions: readonly string[]): string {
  return conditions.map((condition) => `(${condition}\n)`).join(' AND ')
}

async function countMissing(
  connection: MysqlConnection,
  { column }: CursorRead,
  source: { readonly from: string; readonly conditions: readonly string[] },
): Promise<number> {
  const where = conjunction([...source.conditions, column.missing])
  const { rows } = await connection.query(`SELECT COUNT(*) FROM ${source.from} WHERE ${where}`)
  return Number(rows[0]?.[0] ?? 0)
}

/** One row from the end of an index, where the cursor has one; the best of one pass otherwise. */
async function lastPosition(
  connection: MysqlConnection,
  { column, keys, fresh }: CursorRead,
  source: { readonly from: string; readonly conditions: readonly string[] },
): Promise<CursorPosition | undefined> {
  const list = [column, ...keys].map((each) => each.read(each.sql)).join(', ')
  const order = [column, ...keys].map((each) => `${each.sql} DESC`).join(', ')
  const where = conjunction([...source.conditions, `NOT (${column.missing})`, ...(fresh === undefined ? [] : [fresh])])
  const { rows } = await connection.query(`SELECT ${list} FROM ${source.from} WHERE ${where} ORDER BY ${order} LIMIT 1`)
  const [value, ...key] = rows[0] ?? []
  if (value === undefined || value === null) return undefined
  if (key.includes(null)) throw new AirlockError('KEY_NULL', { phase: 'extract', params: { problem: column.name } })
  return { value: column.canonical(value), key: key.map((text, index) => keys[index]!.canonical(text!)) }
}

function withLag(cursor: CursorStart, column: OrderedColumn, from: string, fresh: string): string | undefined {
  const { lag = 0 } = cursor
  if (lag === 0) return fresh
  if (!(lag > 0 && Number.isFinite(lag))) {
    throw new AirlockError('CONFIG_INVALID', {
      phase: 'plan',
      params: { at: 'cursor.lag', problem: 'it is a positive number' },
    })
  }
  const earlier = column.earlier(cursor.from!, lag, 'cursor.lag')
  const again = earlier === undefined ? '' : `${column.sql} >= ${column.literal(earlier, 'cursor.lag')} AND `
  return `(${again}${column.sql} < ${from}) OR (${fresh})`
}

/** (k1, k2) > (a, b), written out: row comparisons are seldom looked up in an index. */
function laterKey(keys: readonly OrderedColumn[], after: readonly string[]): string {
  const [key, ...rest] = keys
  if (key === undefined) return '1 = 0'
  const value = key.literal(after[0]!, 'cursor.after')
  if (rest.length === 0) return `${key.sql} > ${value}`
  return `(${key.sql} > ${value} OR (${key.sql} = ${value} AND ${laterKey(rest, after.slice(1))}))`
}

function fieldOf(name: string, fields: readonly WireField[], at: string): WireField {
  const field = fields.find((candidate) => candidate.name === name)
  if (field !== undefined) return field
  const suggestion = suggest(
    name,
    fields.map((candidate) => candidate.name),
  )
  throw new AirlockError('COLUMN_NOT_FOUND', { phase: 'plan', params: { at: `${at}.${name}`, suggestion } })
}

function wrongKey(): AirlockError {
  const problem = 'it has as many values as `key` has columns'
  return new AirlockError('CONFIG_INVALID', { phase: 'plan', params: { at: 'cursor.after', problem } })
}
