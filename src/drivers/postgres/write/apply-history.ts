import type { PostgresConnection } from '../native.js'
import { quoteName } from '../sql.js'
import type { Applied } from './apply-merge.js'
import { type LoadPlan, VALID_FROM, VALID_TO } from './load-plan.js'
import { differs } from './same-row.js'
import { columnList, insertInto, STAGING, sameKey } from './staging.js'

const TO = quoteName(VALID_TO)

const closeChanged = (load: LoadPlan) =>
  `UPDATE ${load.table} AS t SET ${TO} = $1::timestamptz FROM ${STAGING} AS s
    WHERE ${sameKey(load)} AND t.${TO} IS NULL AND (${differs(load)})`

const closeAbsent = (load: LoadPlan) =>
  `UPDATE ${load.table} AS t SET ${TO} = $1::timestamptz
    WHERE t.${TO} IS NULL AND NOT EXISTS (SELECT 1 FROM ${STAGING} AS s WHERE ${sameKey(load)})`

const insertCurrent = (load: LoadPlan) =>
  `${insertInto(load, [VALID_FROM])} SELECT ${columnList(load, 's')}, $1::timestamptz FROM ${STAGING} AS s
    WHERE NOT EXISTS (SELECT 1 FROM ${load.table} AS t WHERE ${sameKey(load)} AND t.${TO} IS NULL)`

/** The statements of a merge `scd2`, for plans; `$1` is the time of the write. */
export function historyStatements(load: LoadPlan): readonly string[] {
  if (load.target === undefined) return [insertCurrent(load)]
  const absent = load.policies.absent_keys === 'close' ? [closeAbsent(load)] : []
  return [closeChanged(load), ...absent, insertCurrent(load)]
}

/** How many current rows `absent_keys: close` would close. */
export const countAbsent = (load: LoadPlan) =>
  `SELECT count(*) FROM ${load.table} AS t
    WHERE t.${TO} IS NULL AND NOT EXISTS (SELECT 1 FROM ${STAGING} AS s WHERE ${sameKey(load)})`

/** Closes the current row of each key whose values changed and adds the new version, both at the same instant. A key that
 * the stream does not have stays current unless the policy `absent_keys` is `close`; then it counts as deleted. */
export async function applyHistory(connection: PostgresConnection, load: LoadPlan, rows: number): Promise<Applied> {
  // The time of the server after the lock was had, so that versions follow each other in the order of the commits.
  const { rows: clock } = await connection.query('SELECT clock_timestamp()::text')
  const run = async (statement: string) => (await connection.query(statement, [clock[0]![0]!])).affected
  const updated = load.target === undefined ? 0 : await run(closeChanged(load))
  const deleted = load.target === undefined || load.policies.absent_keys === 'keep' ? 0 : await run(closeAbsent(load))
  const inserted = await run(insertCurrent(load))
  return { inserted, updated, deleted, unchanged: rows - inserted }
}
