import type { Column } from '../../../core/batch.js'
import type { ColumnFate } from '../../../core/schema-contract.js'
import { AirlockError } from '../../../errors/index.js'
import { quoteName, quoteText } from '../sql.js'
import type { TargetColumn, TargetTable } from './target.js'
import { columnDefinition } from './types.js'

/** What makes a target fit its stream, as the contract `evolve` has it: actions of one ALTER TABLE, none where it fits.
 * Throws SCHEMA_MISMATCH for a column that MODIFY would take more from than its width. */
export function alterActions(
  target: TargetTable,
  columns: readonly Column[],
  fates: readonly ColumnFate[],
): readonly string[] {
  return columns.flatMap(({ name }, index) => {
    const fate = fates[index]!
    if (fate.action === 'add') return [`ADD COLUMN ${quoteName(name)} ${columnDefinition(fate.type, false)}`]
    if (fate.action !== 'widen') return []
    return [modify(target.columns.find((column) => column.name === name)!, fate.type)]
  })
}

/** The statement that does these actions to a table; none where there is nothing to do. */
export function alterTable(table: string, actions: readonly string[]): readonly string[] {
  return actions.length === 0 ? [] : [`ALTER TABLE ${table} ${actions.join(', ')}`]
}

/** MODIFY forgets whatever it is not told again. */
function modify(column: TargetColumn, type: string): string {
  if (column.hasDefault && !column.autoIncrement) {
    const problem = `column ${column.name} has to be widened, and has a default; alter it by hand`
    throw new AirlockError('SCHEMA_MISMATCH', { phase: 'plan', params: { problem } })
  }
  const collation = column.collation !== undefined && /char|text/.test(type) ? ` COLLATE ${column.collation}` : ''
  const counts = column.autoIncrement ? ' AUTO_INCREMENT' : ''
  const comment = column.comment === '' ? '' : ` COMMENT ${quoteText(column.comment)}`
  return `MODIFY COLUMN ${quoteName(column.name)} ${type}${collation} ${column.notNull ? 'NOT NULL' : 'NULL'}${counts}${comment}`
}
