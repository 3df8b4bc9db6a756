import type { PostgresConnection } from '../native.js'
import { quoteName } from '../sql.js'
import { type Applied, hasArbiter } from './apply-merge.js'
import { type LoadPlan, VALID_TO } from './load-plan.js'
import { STAGING, sameKey } from './staging.js'

/** Rows that this transaction has written. */
export const MINE = 't.xmin = (SELECT (pg_current_xact_id()::text::numeric % 4294967296)::text::xid)'

/** How much larger than the write a table may be for all of it to be read, where an index could be used. */
const SCAN_FACTOR = 20

/** An ALTER TABLE may write rows anew, which are this transaction's since. Gives the last command that did, to be asked for
 * right before the rows of the write come in; -1 where there is none. */
export async function lastRewrite(connection: PostgresConnection, load: LoadPlan): Promise<number> {
  if (load.alters.length === 0 || load.target === undefined) return -1
  const { rows } = await connection.query(`SELECT max(t.cmin::text::bigint) FROM ${load.table} AS t WHERE ${MINE}`)
  return Number(rows[0]?.[0] ?? -1)
}

/** Rows that this transaction has written after such a command. */
export function mineSince(rewrite: number): string {
  return rewrite < 0 ? MINE : `${MINE} AND t.cmin::text::bigint > ${rewrite}`
}

/** Counts the rows of this write in the target, before the commit: all rows of a table that has no others, those of this
 * transaction (written after `rewrite`), or those whose key a staged row has. */
export async function countRows(
  connection: PostgresConnection,
  load: LoadPlan,
  { applied, rewrite }: { readonly applied: Applied; readonly rewrite: number },
  expected: number,
): Promise<number> {
  if (load.target === undefined || load.mode === 'replace') return await countTable(connection, load.table)
  if (load.mode !== 'merge') return await countMine(connection, load, rewrite)
  const rewritten = load.strategy === 'upsert' || load.strategy === 'delete-insert'
  const small = load.target.estimatedRows <= (applied.inserted + applied.updated) * SCAN_FACTOR
  if (rewritten && small && hasArbiter(load) && (await countMine(connection, load, rewrite)) === expected)
    return expected
  return await countKeys(connection, load)
}

export async function countTable(connection: PostgresConnection, table: string): Promise<number> {
  const { rows } = await connection.query(`SELECT count(*) FROM ${table}`)
  return Number(rows[0]?.[0])
}

async function countMine(connection: PostgresConnection, { table }: LoadPlan, rewrite: number): Promise<number> {
  const { rows } = await connection.query(`SELECT count(*) FROM ${table} AS t WHERE ${mineSince(rewrite)}`)
  return Number(rows[0]?.[0])
}

async function countKeys(connection: PostgresConnection, load: LoadPlan): Promise<number> {
  const current = load.strategy === 'scd2' ? ` AND t.${quoteName(VALID_TO)} IS NULL` : ''
  const { rows } = await connection.query(
    `SELECT count(*) FROM ${STAGING} AS s WHERE EXISTS (SELECT 1 FROM ${load.table} AS t WHERE ${sameKey(load)}${current})`,
  )
  return Number(rows[0]?.[0])
}
