import type { EngineName } from '../testing/engines/index.js'
import type { ShopTable } from './shop-tables.js'
import { type SeedValue, ZERO_DATE } from './shop-values.js'

/** Size of one INSERT: far below what servers accept (16 MiB), large enough that round trips do not count. */
const STATEMENT_CHARACTERS = 512 * 1024

/** A part of a table as one statement, and how many rows it holds. */
export interface SeedStatement {
  readonly sql: string
  readonly rows: number
}

/** Statements that fill the table: its distinct rows as INSERTs of many rows each, then INSERT … SELECTs that double what
 * is there, which takes a server a tenth of the time that so many literals would. */
export function* seedStatements(table: ShopTable, engine: EngineName): Generator<SeedStatement, void, undefined> {
  const literal = engine === 'mysql' ? mysqlLiteral : postgresLiteral
  // MySQL refuses zero dates in its default mode; the demo wants to show what becomes of them.
  const before = engine === 'mysql' ? "SET SESSION sql_mode = ''; " : ''
  const head = `${before}INSERT INTO ${table.name} (${table.columns.join(', ')})\n`
  let tuples: string[] = []
  let size = 0
  for (let n = 1; n <= table.distinctRows; n++) {
    const tuple = `(${table.row(n).map(literal).join(',')})`
    tuples.push(tuple)
    size += tuple.length
    if (size < STATEMENT_CHARACTERS && n < table.distinctRows) continue
    yield { sql: `${head}VALUES ${tuples.join(',\n')}`, rows: tuples.length }
    tuples = []
    size = 0
  }
  for (let there = table.distinctRows; there < table.rows; there *= 2) {
    const rows = Math.min(there, table.rows - there)
    yield { sql: `${head}${repeated(table, there)} FROM ${table.name} WHERE id <= ${rows}`, rows }
  }
}

/** The rows that are there once more, as those of as many other customers. */
function repeated(table: ShopTable, there: number): string {
  const owner = table.customerColumn
  const customers = there / table.rowsPerCustomer
  const expressions: Readonly<Record<string, string>> = {
    id: `id + ${there}`,
    customer_id: `customer_id + ${customers}`,
    email: `REPLACE(email, CONCAT('.', ${owner}, '@'), CONCAT('.', ${owner} + ${customers}, '@'))`,
  }
  return `SELECT ${table.columns.map((column) => expressions[column] ?? column).join(', ')}`
}

function mysqlLiteral(value: SeedValue): string {
  if (value instanceof Uint8Array) return `X'${Buffer.from(value).toString('hex')}'`
  return typeof value === 'string' ? `'${value.replaceAll('\\', '\\\\').replaceAll("'", "''")}'` : plain(value)
}

function postgresLiteral(value: SeedValue): string {
  if (value instanceof Uint8Array) return `'\\x${Buffer.from(value).toString('hex')}'`
  if (value === ZERO_DATE) return 'NULL'
  return typeof value === 'string' ? `'${value.replaceAll("'", "''")}'` : plain(value)
}

function plain(value: number | boolean | null): string {
  return value === null ? 'NULL' : String(value)
}
