import type { Column } from '../../../core/batch.js'
import { parseTableName } from '../../../core/table-name.js'
import { AirlockError } from '../../../errors/index.js'
import { sameName, type TargetTable } from './target.js'

/** Characters of a name. https://dev.mysql.com/doc/refman/8.4/en/identifier-length.html */
const MAX_NAME = 64

/** The columns under the names that the target has. Throws SCHEMA_MISMATCH for a name that MySQL cannot hold, and for two
 * that it takes for one: it looks at no case. */
export function fitColumns(source: readonly Column[], target: TargetTable | undefined): readonly Column[] {
  if (source.length === 0) throw mismatch('the stream has no column')
  for (const { name } of source) checkName(name, 'column')
  const twice = source.find(({ name }, index) => source.findIndex((column) => sameName(column.name, name)) !== index)
  if (twice !== undefined) throw mismatch(`two columns are called ${twice.name} where case makes no difference`)
  return source.map((column) => {
    const own = target?.columns.find(({ name }) => sameName(name, column.name))
    return own === undefined || own.name === column.name ? column : { ...column, name: own.name }
  })
}

export function fitTableName(table: string): void {
  checkName(parseTableName(table).name, 'table')
}

function checkName(name: string, what: string): void {
  if ([...name].length > MAX_NAME) throw mismatch(`the name of ${what} ${name} is longer than ${MAX_NAME} characters`)
  if (name === '' || name.endsWith(' ')) throw mismatch(`the name of ${what} "${name}" is empty or ends in a blank`)
}

function mismatch(problem: string): AirlockError {
  return new AirlockError('SCHEMA_MISMATCH', { phase: 'plan', params: { problem } })
}
