import { AirlockError } from '../../../errors/index.js'
import type { MysqlConnection } from '../native.js'
import { quoteName } from '../sql.js'
import type { LoadPlan } from './load-plan.js'
import { countMatched, insertInto, sameKey, selectStaged, stagingTable } from './staging.js'
import { sameName } from './target.js'

/** Rows that statements have changed, as the server counted them. */
export interface Applied {
  readonly inserted: number
  readonly updated: number
  readonly deleted: number
  readonly unchanged: number
}

export const NOTHING: Applied = { inserted: 0, updated: 0, deleted: 0, unchanged: 0 }

/** ON DUPLICATE KEY UPDATE goes by every unique key: a row that meets another one by another key would overwrite that. So
 * the key has to be the only one. */
export function hasSoleKey({ key, target, policies }: LoadPlan): boolean {
  if (policies.null_keys === 'match' || target === undefined || target.uniqueKeys.length !== 1) return false
  const [columns = []] = target.uniqueKeys
  return columns.length === key.length && columns.every((name) => key.some((own) => sameName(own, name)))
}

function dataColumns(load: LoadPlan): readonly string[] {
  return load.columns.map((column) => column.name).filter((name) => !load.key.includes(name))
}

const unknown = (load: LoadPlan) => ` WHERE NOT EXISTS (SELECT 1 FROM ${load.table} AS t WHERE ${sameKey(load)})`
const insertAll = (load: LoadPlan) => `${insertInto(load)} ${selectStaged(load)}`
const insertUnknown = (load: LoadPlan) => `${insertInto(load)} ${selectStaged(load, [], unknown(load))}`
const deleteKnown = (load: LoadPlan) =>
  `DELETE t FROM ${load.table} AS t JOIN ${stagingTable(load)} AS s ON ${sameKey(load)}`
const updateKnown = (load: LoadPlan) =>
  `UPDATE ${load.table} AS t JOIN ${stagingTable(load)} AS s ON ${sameKey(load)} SET ${dataColumns(load)
    .map((name) => `t.${quoteName(name)} = s.${quoteName(name)}`)
    .join(', ')}`
const upsert = (load: LoadPlan) =>
  `${insertAll(load)} ON DUPLICATE KEY UPDATE ${dataColumns(load)
    .map((name) => `${quoteName(name)} = s.${quoteName(name)}`)
    .join(', ')}`

/** Locks the target's rows of the staged keys, and the gaps where there are none: until the commit nobody else adds one. */
export const lockKnown = (load: LoadPlan) =>
  `SELECT COUNT(*), ${countMatched(load)} FROM ${stagingTable(load)} AS s
    JOIN ${load.table} AS t ON ${sameKey(load)} FOR UPDATE`

/** The statements of a merge, for plans. */
export function mergeStatements(load: LoadPlan): readonly string[] {
  if (load.target === undefined) return [insertAll(load)]
  if (load.strategy === 'delete-insert') return [lockKnown(load), deleteKnown(load), insertAll(load)]
  if (load.strategy === 'insert-only' || dataColumns(load).length === 0) return [lockKnown(load), insertUnknown(load)]
  return [lockKnown(load), ...(hasSoleKey(load) ? [upsert(load)] : [updateKnown(load), insertUnknown(load)])]
}

/** Brings the staged rows into the target: `upsert`, `delete-insert`, `insert-only`. Their keys are unique by now; `rows` is
 * how many there are. Throws COUNT_MISMATCH where the server did not do what the keys say. */
export async function applyMerge(connection: MysqlConnection, load: LoadPlan, rows: number): Promise<Applied> {
  const run = async (statement: string) => (await connection.execute(statement)).affectedRows
  if (load.target === undefined) return { ...NOTHING, inserted: await run(insertAll(load)) }
  const { rows: counts } = await connection.query(lockKnown(load))
  const [inTarget = 0, known = 0] = (counts[0] ?? []).map(Number)
  const fresh = rows - known
  if (load.strategy === 'delete-insert') {
    const deleted = await run(deleteKnown(load))
    expectCount('deleted', deleted, inTarget)
    return { ...NOTHING, deleted, inserted: await run(insertAll(load)) }
  }
  if (load.strategy === 'insert-only' || dataColumns(load).length === 0) {
    const inserted = await run(insertUnknown(load))
    expectCount('inserted', inserted, fresh)
    return { ...NOTHING, inserted, unchanged: known }
  }
  if (hasSoleKey(load)) {
    // How the server counts a row that was there depends on whether its values changed; what was there is known.
    await run(upsert(load))
    return { ...NOTHING, inserted: fresh, updated: known }
  }
  const updated = await run(updateKnown(load))
  expectCount('updated', updated, inTarget)
  const inserted = await run(insertUnknown(load))
  expectCount('inserted', inserted, fresh)
  return { ...NOTHING, updated, inserted }
}

export function expectCount(what: string, counted: number, expected: number): void {
  if (counted === expected) return
  throw new AirlockError('COUNT_MISMATCH', {
    phase: 'verify',
    params: { problem: `${counted} ${what}, where ${expected} were expected` },
  })
}
