import type { WritePlan } from '../../../core/driver.js'
import { moveEach, passUnseen, type WaitingRows } from '../../../core/waiting-rows.js'
import type { PostgresConnection } from '../native.js'
import { quoteTable } from '../sql.js'
import type { LoadPlan } from './load-plan.js'
import type { Sent } from './sending.js'
import { columnList, identityWord, STAGING } from './staging.js'
import { findTarget } from './target.js'

/** Whether the server can take these rows out of their tables by itself: nothing has to look into them, and every column has
 * the very type that it is written to. Another type would be cast by rules that round and cut. */
export async function takesWaiting(connection: PostgresConnection, plan: WritePlan, load: LoadPlan): Promise<boolean> {
  if (!passUnseen(plan, load)) return false
  for (const table of plan.waiting!.tables) {
    const columns = (await findTarget(connection, table))?.columns ?? []
    const types = new Map(columns.map(({ name, type }) => [name, type]))
    if (!load.columns.every(({ name }) => types.get(name) === load.types.get(name))) return false
  }
  return true
}

/** Puts them where `sendRows` would. */
export async function moveWaiting(
  connection: PostgresConnection,
  load: LoadPlan,
  waiting: WaitingRows,
  signal: AbortSignal,
  into = load.route === 'staged' ? STAGING : load.table,
): Promise<Sent> {
  const columns = columnList(load)
  // The temporary table has no identity columns.
  const word = load.route === 'staged' ? '' : identityWord(load)
  const rows = await moveEach(waiting, signal, async (table) => {
    const text = `INSERT INTO ${into} (${columns})${word} SELECT ${columns} FROM ${quoteTable(table)}`
    return (await connection.query(text)).affected
  })
  return { rows, confirmed: rows, bytes: 0, rejected: 0, policyCounts: {} }
}
