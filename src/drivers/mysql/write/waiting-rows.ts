import type { Column } from '../../../core/batch.js'
import type { WritePlan } from '../../../core/driver.js'
import { moveEach, passUnseen, type WaitingRows } from '../../../core/waiting-rows.js'
import type { MysqlConnection } from '../native.js'
import { quoteName, quoteTable } from '../sql.js'
import type { LoadPlan } from './load-plan.js'
import { refuseWarnings } from './row-sender.js'
import { type Sent, slotsOf } from './sending.js'
import { findTarget, sameName } from './target.js'

/** Whether the server can take these rows out of their tables by itself: nothing has to look into them, and every column has
 * the very type that it is written to, and no NULL where the server could put a value of its own in its place. */
export async function takesWaiting(connection: MysqlConnection, plan: WritePlan, load: LoadPlan): Promise<boolean> {
  if (!passUnseen(plan, load)) return false
  for (const table of plan.waiting!.tables) {
    const columns = (await findTarget(connection, table))?.columns ?? []
    const isSame = ({ name }: Column): boolean => {
      const from = columns.find((column) => sameName(column.name, name))
      const into = load.target?.columns.find((column) => sameName(column.name, name))
      if (from === undefined || from.type !== load.types.get(name)) return false
      return from.notNull || into?.notNull !== true
    }
    if (!load.columns.every(isSame)) return false
  }
  return true
}

/** Puts them where `sendRows` would. */
export async function moveWaiting(
  connection: MysqlConnection,
  load: LoadPlan,
  waiting: WaitingRows,
  into: string,
  signal: AbortSignal,
): Promise<Sent> {
  const columns = load.columns.map(({ name }) => quoteName(name)).join(', ')
  const rows = await moveEach(waiting, signal, async (table) => {
    const text = `INSERT INTO ${into} (${columns}) SELECT ${columns} FROM ${quoteTable(table)}`
    const { affectedRows, warnings } = await connection.execute(text)
    if (warnings > 0) await refuseWarnings(connection)
    return affectedRows
  })
  const slots = slotsOf(load, ignoreCount)
  return {
    ...{ rows, confirmed: rows, bytes: 0, rejected: 0, policyCounts: {} },
    ...{ slots, stored: load.columns, checksums: undefined },
  }
}

function ignoreCount(): void {
  // No value is looked into.
}
