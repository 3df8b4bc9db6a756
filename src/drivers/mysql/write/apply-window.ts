import type { WritePlan } from '../../../core/driver.js'
import { AirlockError } from '../../../errors/index.js'
import type { MysqlConnection } from '../native.js'
import { orderedColumn } from '../read/ordered-column.js'
import { quoteName } from '../sql.js'
import { type Applied, NOTHING } from './apply-merge.js'
import { countTable } from './count-rows.js'
import { refuseDeletes } from './delete-limit.js'
import type { LoadPlan } from './load-plan.js'
import { insertInto, selectStaged, stagingTable } from './staging.js'

/** What a `delete+insert` deletes, as a condition on the target; undefined where nothing says it: there is no window, and no
 * row to take one from. */
export async function deletion(connection: MysqlConnection, load: LoadPlan): Promise<string | undefined> {
  const { window, cursor } = load
  if (window !== undefined) {
    // Columns of a table that is to be created are those of the staging table.
    const from = load.target === undefined ? stagingTable(load) : load.table
    const column = await columnOf(connection, from, window.column, 'window')
    const tests = [
      ...(window.from === undefined ? [] : [`${column.sql} >= ${column.literal(window.from, 'window.from')}`]),
      ...(window.to === undefined ? [] : [`${column.sql} < ${column.literal(window.to, 'window.to')}`]),
    ]
    return tests.length === 0 ? 'TRUE' : tests.join(' AND ')
  }
  const column = await columnOf(connection, stagingTable(load), cursor!, 'cursor')
  const { rows } = await connection.query(
    `SELECT ${column.read(`MIN(${column.sql})`)}, ${column.read(`MAX(${column.sql})`)} FROM ${stagingTable(load)}`,
  )
  const [least, greatest] = rows[0] ?? []
  if (least === null || least === undefined || greatest === null || greatest === undefined) return undefined
  const bound = (wire: string) => column.literal(column.canonical(wire), 'cursor')
  return `${column.sql} BETWEEN ${bound(least)} AND ${bound(greatest)}`
}

/** The statements of a `delete+insert`, for plans: with the condition in words where only the rows know it. */
export function windowStatements(load: LoadPlan, condition = describeWindow(load)): readonly string[] {
  const insert = `${insertInto(load)} ${selectStaged(load)}`
  return load.target === undefined ? [insert] : [`DELETE FROM ${load.table} WHERE ${condition}`, insert]
}

function describeWindow({ window, cursor }: LoadPlan): string {
  if (window === undefined) return `${quoteName(cursor!)} BETWEEN (least staged) AND (greatest staged)`
  const name = quoteName(window.column)
  const tests = [
    ...(window.from === undefined ? [] : [`${name} >= (window.from)`]),
    ...(window.to === undefined ? [] : [`${name} < (window.to)`]),
  ]
  return tests.length === 0 ? 'TRUE' : tests.join(' AND ')
}

/** Rows without a cursor value are in no window: they would be there once more after each run. Throws CURSOR_NULL. */
export async function refuseNullCursors(connection: MysqlConnection, load: LoadPlan): Promise<void> {
  if (load.mode !== 'delete+insert' || load.window !== undefined) return
  const { rows } = await connection.query(
    `SELECT COUNT(*) FROM ${stagingTable(load)} WHERE ${quoteName(load.cursor!)} IS NULL`,
  )
  if (rows[0]?.[0] === '0') return
  const problem = `${rows[0]?.[0]} have none in ${load.cursor}`
  throw new AirlockError('CURSOR_NULL', { phase: 'write', params: { problem } })
}

/** Deletes the window and inserts the staged rows. */
export async function applyWindow(
  connection: MysqlConnection,
  plan: WritePlan,
  load: LoadPlan,
  condition: string,
  rows: number,
): Promise<Applied> {
  let deleted = 0
  if (load.target !== undefined) {
    const before = plan.maxDeleteRatio === undefined ? 0 : await countTable(connection, load.table)
    deleted = (await connection.execute(windowStatements(load, condition)[0]!)).affectedRows
    refuseDeletes(plan, deleted - rows, before)
  }
  const { affectedRows } = await connection.execute(windowStatements(load, condition).at(-1)!)
  return { ...NOTHING, deleted, inserted: affectedRows }
}

async function columnOf(connection: MysqlConnection, table: string, name: string, at: string) {
  const { fields } = await connection.query(`SELECT ${quoteName(name)} FROM ${table} LIMIT 0`)
  return orderedColumn(fields[0]!, at)
}
