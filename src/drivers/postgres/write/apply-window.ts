import type { KeyRange } from '../../../core/driver.js'
import { AirlockError } from '../../../errors/index.js'
import type { PostgresConnection } from '../native.js'
import { quoteName } from '../sql.js'
import type { LoadPlan } from './load-plan.js'
import { columnList, insertInto, STAGING } from './staging.js'

/** A condition on the target, with its values. */
export interface Condition {
  readonly text: string
  readonly values: readonly string[]
}

/** The rows of the window: half-open, each bound of the column's own type in a session whose time zone is UTC. */
function windowCondition(load: LoadPlan, { column, from, to }: KeyRange): Condition {
  const name = quoteName(column)
  const known = load.target?.columns.find((candidate) => candidate.name === column)?.type
  const type = known ?? load.types.get(column)
  const bounds = [
    { operator: '>=', value: from },
    { operator: '<', value: to },
  ].filter((bound): bound is { operator: string; value: string } => bound.value !== undefined)
  const texts = bounds.map(({ operator }, index) => `${name} ${operator} $${index + 1}::text::${type}`)
  return { text: texts.length === 0 ? 'true' : texts.join(' AND '), values: bounds.map(({ value }) => value) }
}

/** Without a window: between the least and the greatest cursor of the incoming rows, both included. */
function cursorCondition(cursor: string): Condition {
  const name = quoteName(cursor)
  const bound = (which: string) => `(SELECT ${which}(${name}) FROM ${STAGING})`
  return { text: `${name} BETWEEN ${bound('min')} AND ${bound('max')}`, values: [] }
}

/** What a `delete+insert` deletes. */
export function deletion(load: LoadPlan): Condition {
  return load.window === undefined ? cursorCondition(load.cursor!) : windowCondition(load, load.window)
}

/** The statements of a `delete+insert`, for plans; `$1` and `$2` are the bounds. */
export function windowStatements(load: LoadPlan): readonly string[] {
  const insert = `${insertInto(load)} SELECT ${columnList(load)} FROM ${STAGING}`
  return load.target === undefined ? [insert] : [`DELETE FROM ${load.table} WHERE ${deletion(load).text}`, insert]
}

/** Rows without a cursor value are in no window: they would be there once more after each run. Throws CURSOR_NULL. */
export async function refuseNullCursors(connection: PostgresConnection, load: LoadPlan): Promise<void> {
  if (load.mode !== 'delete+insert' || load.window !== undefined) return
  const name = quoteName(load.cursor!)
  const { rows } = await connection.query(`SELECT count(*) FROM ${STAGING} WHERE ${name} IS NULL`)
  if (rows[0]?.[0] === '0') return
  const problem = `${rows[0]?.[0]} have none in ${load.cursor}`
  throw new AirlockError('CURSOR_NULL', { phase: 'write', params: { problem } })
}
