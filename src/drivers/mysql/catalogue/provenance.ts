import { isClosedStatement, type QueryProvenance } from '../../../core/query-provenance.js'
import type { SqlToken } from '../../../core/query-refusal.js'
import type { WireField } from '../native.js'

/** Words that put one table in the place of another. */
const DERIVING = new Set(['with', 'union', 'intersect', 'except', 'minus', 'values', 'table'])

/** Where the columns of a statement come from. The server names the table of a column, and for one of a derived table what
 * the statement calls that, as if it were one: only a single SELECT is believed. */
export function mysqlProvenance(tokens: readonly SqlToken[], fields: readonly WireField[]): QueryProvenance {
  const words = tokens.flatMap(({ kind, text }) => (kind === 'word' ? [text] : []))
  const single = words.filter((word) => word === 'select').length === 1 && !words.some((word) => DERIVING.has(word))
  const known = ({ origin }: WireField) =>
    origin !== undefined && origin.schema !== '' && origin.table !== '' && origin.column !== '' ? origin : undefined
  return {
    origins: fields.map((field) => (single ? known(field) : undefined)),
    isClosedTo: (columns) => isClosedStatement(tokens, columns, { rows: false }),
  }
}
