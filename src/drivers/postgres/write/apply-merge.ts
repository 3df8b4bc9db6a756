import type { PostgresConnection } from '../native.js'
import { quoteName } from '../sql.js'
import type { LoadPlan } from './load-plan.js'
import { columnList, insertInto, STAGING, sameKey } from './staging.js'

/** Rows that statements have changed, as the server counted them. */
export interface Applied {
  readonly inserted: number
  readonly updated: number
  readonly deleted: number
  readonly unchanged: number
}

/** Whether a strategy leaves each staged row in the target as it is; `insert-only` keeps the rows that were there. */
export const STAGED_IS_WRITTEN: Readonly<Record<string, boolean>> = {
  upsert: true,
  'delete-insert': true,
  'insert-only': false,
  scd2: true,
}

/** Whether the target itself enforces the key, so that ON CONFLICT can go by it. */
export function hasArbiter({ key, target, policies }: LoadPlan): boolean {
  if (policies.null_keys === 'match') return false
  const wanted = [...key].sort().join('\n')
  return target?.uniqueKeys.some((columns) => [...columns].sort().join('\n') === wanted) ?? false
}

function dataColumns(load: LoadPlan): readonly string[] {
  return load.columns.map((column) => column.name).filter((name) => !load.key.includes(name))
}

const select = (load: LoadPlan) => `SELECT ${columnList(load, 's')} FROM ${STAGING} AS s`
const unknown = (load: LoadPlan) => `NOT EXISTS (SELECT 1 FROM ${load.table} AS t WHERE ${sameKey(load)})`
const conflict = (load: LoadPlan) => `ON CONFLICT (${load.key.map(quoteName).join(', ')})`
const assign = (load: LoadPlan, from: string) =>
  dataColumns(load)
    .map((name) => `${quoteName(name)} = ${from}.${quoteName(name)}`)
    .join(', ')

const insertUnknown = (load: LoadPlan) => `${insertInto(load)} ${select(load)} WHERE ${unknown(load)}`
const updateKnown = (load: LoadPlan) =>
  `UPDATE ${load.table} AS t SET ${assign(load, 's')} FROM ${STAGING} AS s WHERE ${sameKey(load)}`
const deleteKnown = (load: LoadPlan) => `DELETE FROM ${load.table} AS t USING ${STAGING} AS s WHERE ${sameKey(load)}`
const countKnown = (load: LoadPlan) =>
  `SELECT count(*) FROM ${STAGING} AS s WHERE EXISTS (SELECT 1 FROM ${load.table} AS t WHERE ${sameKey(load)})`

const upsert = (load: LoadPlan) =>
  `${insertInto(load)} ${select(load)} ${conflict(load)} DO UPDATE SET ${assign(load, 'excluded')}`
const insertOnly = (load: LoadPlan) =>
  hasArbiter(load) ? `${insertInto(load)} ${select(load)} ${conflict(load)} DO NOTHING` : insertUnknown(load)

/** The statements of a merge, for plans. */
export function mergeStatements(load: LoadPlan): readonly string[] {
  if (load.target === undefined) return [`${insertInto(load)} ${select(load)}`]
  if (load.strategy === 'delete-insert') return [deleteKnown(load), `${insertInto(load)} ${select(load)}`]
  if (load.strategy === 'insert-only' || dataColumns(load).length === 0) return [insertOnly(load)]
  return hasArbiter(load) ? [upsert(load)] : [updateKnown(load), insertUnknown(load)]
}

/** Brings the staged rows into a table that nobody else writes to meanwhile: `upsert`, `delete-insert`, `insert-only`.
 * Their keys are unique by now. `rows` is how many there are. */
export async function applyMerge(connection: PostgresConnection, load: LoadPlan, rows: number): Promise<Applied> {
  const run = async (statement: string) => (await connection.query(statement)).affected
  const nothing = { inserted: 0, updated: 0, deleted: 0, unchanged: 0 }
  if (load.target === undefined) return { ...nothing, inserted: await run(`${insertInto(load)} ${select(load)}`) }
  if (load.strategy === 'delete-insert') {
    const deleted = await run(deleteKnown(load))
    return { ...nothing, deleted, inserted: await run(`${insertInto(load)} ${select(load)}`) }
  }
  if (load.strategy === 'insert-only' || dataColumns(load).length === 0) {
    const inserted = await run(insertOnly(load))
    return { ...nothing, inserted, unchanged: rows - inserted }
  }
  if (!hasArbiter(load)) {
    const updated = await run(updateKnown(load))
    return { ...nothing, updated, inserted: await run(insertUnknown(load)) }
  }
  return { ...nothing, ...(await applyUpsert(connection, load)) }
}

/** A row that was updated has been locked first, which shows in its xmax; the rows of a partitioned table do not show it. */
async function applyUpsert(
  connection: PostgresConnection,
  load: LoadPlan,
): Promise<Pick<Applied, 'inserted' | 'updated'>> {
  if (load.target?.partitioned === true) {
    const { rows } = await connection.query(countKnown(load))
    const updated = Number(rows[0]?.[0])
    const { affected } = await connection.query(upsert(load))
    return { inserted: affected - updated, updated }
  }
  const { rows } = await connection.query(
    `WITH written AS (${upsert(load)} RETURNING (t.xmax = 0) AS fresh)
      SELECT count(*) FILTER (WHERE fresh), count(*) FILTER (WHERE NOT fresh) FROM written`,
  )
  return { inserted: Number(rows[0]?.[0]), updated: Number(rows[0]?.[1]) }
}
