import { AirlockError } from '../errors/index.js'

const PART_TABLE = /^_airlock_part_[0-9a-f]{12}$/

/** The table that keeps the finished ranges of one load at its target, e.g. `_airlock_staging._airlock_part_0123456789ab`.
 * `digest` is lower-case hex, of which twelve digits are used. */
export function partTable(schema: string | undefined, digest: string): string {
  const name = `_airlock_part_${digest.slice(0, 12)}`
  return schema === undefined ? name : `${schema}.${name}`
}

/** Whether a name is that of such a table, in the one place where this target keeps them. */
export function isPartTable(table: string, schema: string | undefined): boolean {
  const place = schema === undefined ? '' : `${schema}.`
  return table.startsWith(place) && PART_TABLE.test(table.slice(place.length))
}

/** Refuses to drop anything else (POLICY_REFUSED): the name comes out of a saved ledger, which anybody who may write to
 * the target could have changed. */
export function requirePartTable(table: string, schema: string | undefined): void {
  if (isPartTable(table, schema)) return
  const problem = 'a table that is no staging table of a resumable load is not dropped'
  throw new AirlockError('POLICY_REFUSED', { phase: 'write', params: { problem } })
}
