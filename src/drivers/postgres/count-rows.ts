import { type Applied, hasArbiter } from './apply-merge.js'
import { type LoadPlan, VALID_TO } from './load-plan.js'
import type { PostgresConnection } from './native.js'
import { quoteName } from './sql.js'
import { STAGING, sameKey } from './staging.js'

/** Rows that this transaction has written. */
export const MINE = 't.xmin = (SELECT (pg_current_xact_id()::text::numeric % 4294967296)::text::xid)'

/** How much larger than the write a table may be for all of it to be read, where an index could be used. */
const SCAN_FACTOR = 20

/** Rows that an ALTER TABLE has written anew, and which count as this transaction's since; to be asked for right before the
 * rows of the write come in. */
export async function countRewritten(connection: PostgresConnection, load: LoadPlan): Promise<number> {
  return load.alters.length === 0 ? 0 : await countMine(connection, load)
}

/** Counts the rows of this write in the target, before the commit: all rows of a table that has no others, those of this
 * transaction (less `rewritten`), or those whose key a staged row has. */
export async function countRows(
  connection: PostgresConnection,
  load: LoadPlan,
  { applied, rewritten: before }: { readonly applied: Applied; readonly rewritten: number },
  expected: number,
): Promise<number> {
  if (load.target === undefined || load.mode === 'replace') return await countTable(connection, load.table)
  if (load.mode !== 'merge') return (await countMine(connection, load)) - before
  const rewritten = load.strategy === 'upsert' || load.strategy === 'delete-insert'
  const small = load.target.estimatedRows <= (applied.inserted + applied.updated) * SCAN_FACTOR
  if (rewritten && small && hasArbiter(load) && (await countMine(connection, load)) === expected) return expected
  return await countKeys(connection, load)
}

export async function countTable(connection: PostgresConnection, table: string): Promise<number> {
  const { rows } = await connection.query(`SELECT count(*) FROM ${table}`)
  return Number(rows[0]?.[0])
}

async function countMine(connection: PostgresConnection, { table }: LoadPlan): Promise<number> {
  const { rows } = await connection.query(`SELECT count(*) FROM ${table} AS t WHERE ${MINE}`)
  return Number(rows[0]?.[0])
}

async function countKeys(connection: PostgresConnection, load: LoadPlan): Promise<number> {
  const current = load.strategy === 'scd2' ? ` AND t.${quoteName(VALID_TO)} IS NULL` : ''
  const { rows } = await connection.query(
    `SELECT count(*) FROM ${STAGING} AS s WHERE EXISTS (SELECT 1 FROM ${load.table} AS t WHERE ${sameKey(load)}${current})`,
  )
  return Number(rows[0]?.[0])
}
