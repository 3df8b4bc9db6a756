import type { Column } from '../../../core/batch.js'
import type { LogicalType } from '../../../core/column-type.js'
import type { ColumnFate } from '../../../core/schema-contract.js'
import { AirlockError } from '../../../errors/index.js'
import type { PostgresConnection } from '../native.js'
import { quoteName } from '../sql.js'
import { postgresType } from '../types.js'
import type { TargetTable } from './target.js'

/** The greatest precision that can be declared. */
const MAX_PRECISION = 1000

/** The type of a column that Airlock adds or widens. */
export function typeName(type: LogicalType): string {
  const wide = type.kind === 'decimal' && (type.precision ?? 0) > MAX_PRECISION
  return postgresType(wide ? { kind: 'decimal' } : type)
}

/** The statement that does these actions to a table; none where there is nothing to do. */
export function alterTable(table: string, actions: readonly string[]): readonly string[] {
  return actions.length === 0 ? [] : [`ALTER TABLE ${table} ${actions.join(', ')}`]
}

/** What makes a target fit its stream, as the contract `evolve` has it: actions of one ALTER TABLE, none where it fits.
 * Throws SCHEMA_MISMATCH for a column that cannot be widened because a view shows it. */
export async function alterActions(
  connection: PostgresConnection,
  target: TargetTable,
  columns: readonly Column[],
  fates: readonly ColumnFate[],
): Promise<readonly string[]> {
  const widened: string[] = []
  const actions = columns.flatMap(({ name }, index) => {
    const fate = fates[index]!
    if (fate.action === 'add') return [`ADD COLUMN IF NOT EXISTS ${quoteName(name)} ${fate.type}`]
    if (fate.action !== 'widen') return []
    widened.push(name)
    return [`ALTER COLUMN ${quoteName(name)} TYPE ${fate.type}`]
  })
  if (widened.length > 0) await refuseShown(connection, target, widened)
  return actions
}

async function refuseShown(
  connection: PostgresConnection,
  target: TargetTable,
  names: readonly string[],
): Promise<void> {
  const { rows } = await connection.query(
    `SELECT a.attname FROM pg_catalog.pg_depend d
      JOIN pg_catalog.pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
      WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = $1::oid`,
    [target.oid],
  )
  const shown = names.find((name) => rows.some(([used]) => used === name))
  if (shown === undefined) return
  const problem = `column ${shown} has to be widened, and a view or a rule shows it`
  throw new AirlockError('SCHEMA_MISMATCH', { phase: 'plan', params: { problem } })
}
