import type { WritePlan } from '../../../core/driver.js'
import type { PostgresConnection } from '../native.js'
import { quoteName } from '../sql.js'
import type { LoadPlan } from './load-plan.js'
import { findTarget } from './target.js'

const INTEGERS: readonly string[] = ['int16', 'int32', 'int64']

/** The column of a new table that gives out its own numbers: its key, where that is one integer. */
export function identityColumn(load: LoadPlan): string | undefined {
  const [only] = load.primaryKey
  const column = load.columns.find(({ name }) => name === only)
  const numbers = load.primaryKey.length === 1 && column !== undefined && INTEGERS.includes(column.type.kind)
  return numbers && load.strategy !== 'scd2' ? only : undefined
}

/** Moves the sequences of written columns on past the greatest value in the table; never back. A sequence is not part of
 * the transaction: after a rollback it stays where it is, which leaves a gap and nothing worse. */
export async function advanceSequences(connection: PostgresConnection, plan: WritePlan, load: LoadPlan): Promise<void> {
  const target = await findTarget(connection, plan.table)
  for (const { name, sequence } of target?.columns ?? []) {
    if (sequence === undefined || !load.columns.some((column) => column.name === name)) continue
    await connection.query(
      `SELECT setval($1::regclass, written.greatest) FROM (SELECT max(${quoteName(name)}) AS greatest FROM ${load.table}) AS written,
        ${sequence} AS numbers
        WHERE written.greatest > numbers.last_value OR (written.greatest = numbers.last_value AND NOT numbers.is_called)`,
      [sequence],
    )
  }
}
