import type { LogicalType } from '../../../core/column-type.js'
import { suggest } from '../../../core/suggest.js'
import { AirlockError } from '../../../errors/index.js'
import type { PostgresConnection } from '../native.js'
import { quoteName, quoteText } from '../sql.js'
import type { SourceRelation } from './source-fields.js'
import { isReshaped, readType } from './source-types.js'

/** A column whose values can be bounds of a read. */
export interface OrderedColumn {
  readonly name: string
  /** What to compare, sort and take the greatest of: the column itself, so that an index can be used. */
  readonly sql: string
  /** The expression whose text is canonical. */
  readonly canonical: string
  /** NULL cannot occur. */
  readonly required: boolean
  /** NULL of the column's type, in SQL. */
  readonly none: string
  /** A value in SQL, typed as the column. */
  literal(text: string): string
  /** The value that lies `lag` before another, in SQL. Throws CONFIG_INVALID for a type without such a distance. */
  earlier(text: string, literal: string, lag: number): string
}

/** Least values of whole numbers. */
const LEAST: Readonly<Record<string, bigint>> = { smallint: -(2n ** 15n), integer: -(2n ** 31n), bigint: -(2n ** 63n) }

/** Works out how to bound a read by a column; `at` is where the request names it. Throws COLUMN_NOT_FOUND, with a
 * suggestion, and CONFIG_INVALID for a type that is not read in the form in which the server compares it. */
export async function orderedColumn(
  connection: PostgresConnection,
  { fields, context }: SourceRelation,
  name: string,
  at: string,
): Promise<OrderedColumn> {
  const field = fields.find((candidate) => candidate.name === name)
  if (field === undefined) {
    const names = fields.map((candidate) => candidate.name)
    const params = { at: `${at}.${name}`, suggestion: suggest(name, names) }
    throw new AirlockError('COLUMN_NOT_FOUND', { phase: 'plan', params })
  }
  if (isReshaped(field.oid, field.modifier, context)) throw noOrder(at, name)
  let oid = field.oid
  for (let found = context.catalog.get(oid); found?.base !== undefined; found = context.catalog.get(oid)) {
    oid = found.base.oid
  }
  // With the modifier -1, lest a literal is cut or padded to the length that a bare name stands for.
  const { rows } = await connection.query('SELECT pg_catalog.format_type($1::oid, -1)', [oid])
  const typeName = rows[0]![0]!
  const { type, read } = readType(field.oid, field.modifier, context)
  const sql = quoteName(name)
  return {
    name,
    sql,
    canonical: read === undefined ? sql : read(sql),
    required: field.required,
    none: `NULL::${typeName}`,
    literal: (text) => literal(text, typeName, at),
    earlier: (text, value, lag) => earlier(type, typeName, { text, literal: value }, lag),
  }
}

/** Has the server read all bounds before they are used. Throws CONFIG_INVALID for a type that has no order, and for a
 * text that is no value of its column. */
export async function checkBounds(
  connection: PostgresConnection,
  bounds: readonly { readonly column: OrderedColumn; readonly literals: readonly string[] }[],
  at: string,
): Promise<void> {
  for (const { column, literals } of bounds) {
    const all = [...literals, column.none].join(', ')
    try {
      await connection.query(`SELECT 1 WHERE greatest(${all}) IS NULL`)
    } catch (error) {
      const state = typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : ''
      if (state === '42883') throw noOrder(at, column.name)
      if (state.startsWith('22')) throw invalid(at, `a bound is no value of the type of ${column.name}`)
      throw error
    }
  }
}

function literal(text: string, typeName: string, at: string): string {
  // A NUL would end the statement early.
  if (text.includes('\0')) throw invalid(at, 'a bound holds the character NUL')
  return `${quoteText(text)}::${typeName}`
}

function earlier(
  type: LogicalType,
  typeName: string,
  from: { readonly text: string; readonly literal: string },
  lag: number,
): string {
  switch (type.kind) {
    case 'int16':
    case 'int32':
    case 'int64':
    case 'uint64': {
      const least = LEAST[typeName] ?? 0n
      if (!/^\s*[+-]?\d+\s*$/.test(from.text)) throw invalid('cursor.from', 'it is no whole number')
      const value = BigInt(from.text) - BigInt(Math.ceil(lag))
      return `'${value < least ? least : value}'::${typeName}`
    }
    case 'decimal':
      return `(${from.literal} - '${lag}'::numeric)`
    case 'float32':
    case 'float64':
      return `(${from.literal} - '${lag}'::float8)`
    case 'date':
    case 'timestamp':
    case 'timestamptz':
      return `(${from.literal} - make_interval(secs => ${lag}))`
    default:
      throw invalid('cursor.lag', 'the cursor is neither a number nor a date or time stamp')
  }
}

function noOrder(at: string, name: string): AirlockError {
  return invalid(at, `the type of ${name} has no order that a bound could follow`)
}

function invalid(at: string, problem: string): AirlockError {
  return new AirlockError('CONFIG_INVALID', { phase: 'plan', params: { at, problem } })
}
