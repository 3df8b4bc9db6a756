import { createHash } from 'node:crypto'
import { AirlockError } from '../../../errors/index.js'
import type { MysqlConnection } from '../native.js'
import { quoteName, quoteText } from '../sql.js'
import { dependentsOf, type TargetTable } from './target.js'

/** The table that is loaded, and later the name of the old one. One pair of names for each target, so that what a crash
 * has left is found by the next run. */
export function swapNames(target: TargetTable): { readonly next: string; readonly old: string; readonly lock: string } {
  const mark = createHash('sha256').update(`${target.schema}.${target.name}`).digest('hex').slice(0, 16)
  const schema = quoteName(target.schema)
  return {
    next: `${schema}.${quoteName(`_airlock_next_${mark}`)}`,
    old: `${schema}.${quoteName(`_airlock_old_${mark}`)}`,
    lock: `airlock_swap_${mark}`,
  }
}

/** The statements of a swap around the load, for plans and for the write. */
export function swapStatements(target: TargetTable): {
  readonly before: readonly string[]
  readonly after: readonly string[]
} {
  const { next, old } = swapNames(target)
  return {
    before: [`DROP TABLE IF EXISTS ${next}, ${old}`, `CREATE TABLE ${next} LIKE ${target.sql}`],
    after: [`RENAME TABLE ${target.sql} TO ${old}, ${next} TO ${target.sql}`, `DROP TABLE ${old}`],
  }
}

/** Keeps other swaps of the same table out, as long as this session lives or until it is released. Throws LOCK_TIMEOUT. */
export async function lockSwap(connection: MysqlConnection, target: TargetTable): Promise<void> {
  const { rows } = await connection.query(`SELECT GET_LOCK(${quoteText(swapNames(target).lock)}, 10)`)
  if (rows[0]?.[0] !== '1') throw new AirlockError('LOCK_TIMEOUT', { phase: 'write' })
}

export async function unlockSwap(connection: MysqlConnection, target: TargetTable): Promise<void> {
  if (connection.usable) await connection.query(`SELECT RELEASE_LOCK(${quoteText(swapNames(target).lock)})`)
}

/** RENAME re-points the foreign keys of other tables to the old one, LIKE copies none, and triggers stay behind. Throws
 * POLICY_REFUSED. */
export async function refuseLossOfSwap(connection: MysqlConnection, target: TargetTable): Promise<void> {
  const { foreignKeys, triggers, views } = await dependentsOf(connection, target)
  const what = [
    ...(foreignKeys ? ['foreign keys'] : []),
    ...(triggers ? ['triggers'] : []),
    ...(views ? ['views'] : []),
  ]
  if (what.length === 0) return
  const problem = `a swap would leave ${what.join(' and ')} with the old table; use strategy delete`
  throw new AirlockError('POLICY_REFUSED', { phase: 'plan', params: { problem } })
}

/** Never does one write reach into another table. */
export async function refuseCascades(connection: MysqlConnection, { schema, name }: TargetTable): Promise<void> {
  const { rows } = await connection.query(
    `SELECT EXISTS (SELECT 1 FROM information_schema.referential_constraints
      WHERE unique_constraint_schema = ${quoteText(schema)} AND referenced_table_name = ${quoteText(name)}
        AND delete_rule IN ('CASCADE', 'SET NULL', 'SET DEFAULT'))`,
  )
  if (rows[0]?.[0] !== '1') return
  const problem = 'rows of other tables would be changed with the deleted ones (ON DELETE of their foreign keys)'
  throw new AirlockError('POLICY_REFUSED', { phase: 'plan', params: { problem } })
}
