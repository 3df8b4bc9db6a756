import type { PostgresConnection } from '../native.js'
import type { Applied } from './apply-merge.js'
import type { LoadPlan } from './load-plan.js'
import { columnList, insertInto, STAGING } from './staging.js'

/** The statements of a staged `replace`, for plans and for the write; one lock, and everything that hangs on the table
 * stays. TRUNCATE is quick and locks readers out; DELETE lets them read the old rows until the commit. */
export function replaceStatements(load: LoadPlan): readonly string[] {
  const clear = load.strategy === 'delete' ? `DELETE FROM ${load.table}` : `TRUNCATE ${load.table}`
  return [clear, appendStatement(load)]
}

/** Moves the staged rows into the table. */
export function appendStatement(load: LoadPlan): string {
  return `${insertInto(load)} SELECT ${columnList(load)} FROM ${STAGING}`
}

/** Puts the staged rows in the place of all others. `old` is how many these were, where somebody counted them. */
export async function applyReplace(
  connection: PostgresConnection,
  load: LoadPlan,
  old: number | undefined,
): Promise<Applied> {
  const [clear, insert] = replaceStatements(load)
  const cleared = (await connection.query(clear!)).affected
  const { affected } = await connection.query(insert!)
  return { inserted: affected, updated: 0, deleted: old ?? cleared, unchanged: 0 }
}
