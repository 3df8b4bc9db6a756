import type { PostgresConnection } from '../../native.js'
import type { LoadPlan } from '../load-plan.js'
import { binaryForms, type Form } from './form-of.js'

/** The binary form of each column of a load, or undefined where its rows go as text. In a table that others may alter until
 * COPY has its lock, that lock is taken here and the types are asked for again: bytes of one type could be read as another
 * one's, without an error. */
export async function agreedForms(
  connection: PostgresConnection,
  load: LoadPlan,
): Promise<readonly Form[] | undefined> {
  const { columns, types, target } = load
  const forms = binaryForms(columns, ({ name }) => types.get(name))
  // A replace has locked its table before it was planned, and all others load a table of their own.
  if (forms === undefined || target === undefined || load.route !== 'direct' || load.mode === 'replace') return forms
  if (!target.insertable) return undefined
  await connection.query(`LOCK TABLE ONLY ${load.table} IN ROW EXCLUSIVE MODE`)
  const { rows } = await connection.query(
    `SELECT attname, format_type(atttypid, atttypmod) FROM pg_catalog.pg_attribute
      WHERE attrelid = $1::oid AND attnum > 0 AND NOT attisdropped`,
    [target.oid],
  )
  const now = new Map(rows.map(([name, type]) => [name, type]))
  return columns.every(({ name }) => now.get(name) === types.get(name)) ? forms : undefined
}
