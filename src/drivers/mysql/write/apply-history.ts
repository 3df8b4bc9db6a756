import type { MysqlConnection } from '../native.js'
import { quoteName } from '../sql.js'
import { type Applied, expectCount } from './apply-merge.js'
import { type LoadPlan, VALID_FROM, VALID_TO } from './load-plan.js'
import { insertInto, sameKey, selectStaged, stagingTable } from './staging.js'

const TO = quoteName(VALID_TO)
const CLOSE = `t.${TO} = @airlock_now`

/** The time of the write at the server, never before a version that is there already. */
const clock = (load: LoadPlan) =>
  load.target === undefined
    ? 'SET @airlock_now = UTC_TIMESTAMP(6)'
    : `SELECT GREATEST(UTC_TIMESTAMP(6), COALESCE(MAX(${quoteName(VALID_FROM)}) + INTERVAL 1 MICROSECOND, UTC_TIMESTAMP(6)))
        INTO @airlock_now FROM ${load.table}`

/** Byte by byte for text: a change of case is a change, whatever the collation says. */
const differs = (load: LoadPlan) => {
  const names = load.columns.map((column) => column.name).filter((name) => !load.key.includes(name))
  const tests = names.map((name) => {
    const text = /char|text|enum|set/.test(load.types.get(name)!)
    const of = (alias: string) => (text ? `CAST(${alias}.${quoteName(name)} AS BINARY)` : `${alias}.${quoteName(name)}`)
    return `NOT (${of('t')} <=> ${of('s')})`
  })
  return tests.length === 0 ? 'FALSE' : `(${tests.join(' OR ')})`
}

const closeChanged = (load: LoadPlan) =>
  `UPDATE ${load.table} AS t JOIN ${stagingTable(load)} AS s ON ${sameKey(load)} SET ${CLOSE}
    WHERE t.${TO} IS NULL AND ${differs(load)}`

const absent = (load: LoadPlan) =>
  `t.${TO} IS NULL AND NOT EXISTS (SELECT 1 FROM ${stagingTable(load)} AS s WHERE ${sameKey(load)})`

const closeAbsent = (load: LoadPlan) => `UPDATE ${load.table} AS t SET ${CLOSE} WHERE ${absent(load)}`

const insertCurrent = (load: LoadPlan) => {
  const current = ` WHERE NOT EXISTS (SELECT 1 FROM ${load.table} AS t WHERE ${sameKey(load)} AND t.${TO} IS NULL)`
  return `${insertInto(load, [VALID_FROM])} ${selectStaged(load, ['@airlock_now'], current)}`
}

const lockCurrent = (load: LoadPlan) =>
  `SELECT COUNT(*) FROM ${stagingTable(load)} AS s JOIN ${load.table} AS t ON ${sameKey(load)}
    WHERE t.${TO} IS NULL FOR UPDATE`

/** How many current rows `absent_keys: close` would close, and how many rows there are. */
export const countAbsent = (load: LoadPlan) =>
  `SELECT COUNT(*), (SELECT COUNT(*) FROM ${load.table}) FROM ${load.table} AS t WHERE ${absent(load)}`

/** The statements of a merge `scd2`, for plans. */
export function historyStatements(load: LoadPlan): readonly string[] {
  if (load.target === undefined) return [clock(load), insertCurrent(load)]
  const close = load.policies.absent_keys === 'close' ? [closeAbsent(load)] : []
  return [lockCurrent(load), clock(load), closeChanged(load), ...close, insertCurrent(load)]
}

/** Closes the current row of each key whose values changed and adds the new version, both at the same instant. A key that
 * the stream does not have stays current unless the policy `absent_keys` is `close`; then it counts as deleted. */
export async function applyHistory(connection: MysqlConnection, load: LoadPlan, rows: number): Promise<Applied> {
  const run = async (statement: string) => (await connection.execute(statement)).affectedRows
  if (load.target === undefined) {
    await run(clock(load))
    return { inserted: await run(insertCurrent(load)), updated: 0, deleted: 0, unchanged: 0 }
  }
  const { rows: counts } = await connection.query(lockCurrent(load))
  const current = Number(counts[0]?.[0])
  await run(clock(load))
  const updated = await run(closeChanged(load))
  const deleted = load.policies.absent_keys === 'keep' ? 0 : await run(closeAbsent(load))
  const inserted = await run(insertCurrent(load))
  expectCount('inserted', inserted, rows - current + updated)
  return { inserted, updated, deleted, unchanged: rows - inserted }
}
