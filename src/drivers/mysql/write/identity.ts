import type { LoadPlan } from './load-plan.js'

const INTEGERS: readonly string[] = ['int16', 'int32', 'int64', 'uint64']

/** The column of a new table that gives out its own numbers: its key, where that is one integer. InnoDB goes on after the
 * greatest number that was written by itself, in new tables and in old ones. */
export function identityColumn(load: LoadPlan): string | undefined {
  const [only] = load.primaryKey
  const column = load.columns.find(({ name }) => name === only)
  const numbers = load.primaryKey.length === 1 && column !== undefined && INTEGERS.includes(column.type.kind)
  const keyed = load.key.length === 0 || load.policies.null_keys === 'reject'
  return numbers && keyed && load.strategy !== 'scd2' ? only : undefined
}
