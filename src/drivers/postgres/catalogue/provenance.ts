import { type ColumnOrigin, isClosedStatement, type QueryProvenance } from '../../../core/query-provenance.js'
import type { SqlToken } from '../../../core/query-refusal.js'
import type { PgField, PostgresConnection } from '../native.js'

/** Where the columns of a statement come from. The server follows a column through subqueries to its table, and says
 * nothing of one that is computed or of a UNION. */
export async function postgresProvenance(
  connection: PostgresConnection,
  tokens: readonly SqlToken[],
  fields: readonly PgField[],
): Promise<QueryProvenance> {
  const origins = await originsOf(connection, fields)
  // Only for a computed column does it matter what was computed.
  const certain = origins.every((origin) => origin !== undefined) || !(await callsByDot(connection, tokens))
  return {
    origins,
    isClosedTo: (columns) => certain && isClosedStatement(tokens, columns, { rows: true }),
  }
}

async function originsOf(
  connection: PostgresConnection,
  fields: readonly PgField[],
): Promise<readonly (ColumnOrigin | undefined)[]> {
  const tables = fields.map(({ tableOid }) => tableOid ?? 0)
  const numbers = fields.map(({ columnNumber }) => columnNumber ?? 0)
  const { rows } = await connection.query(
    `SELECT n.nspname, c.relname, a.attname
      FROM unnest($1::oid[], $2::int2[]) WITH ORDINALITY AS f (oid, number, place)
      LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = f.oid AND a.attnum = f.number
      LEFT JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
      LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace ORDER BY f.place`,
    [`{${tables.join(',')}}`, `{${numbers.join(',')}}`],
  )
  return rows.map(([schema, table, column]) =>
    schema === null ||
    table === null ||
    column === null ||
    schema === undefined ||
    table === undefined ||
    column === undefined
      ? undefined
      : { schema, table, column },
  )
}

/** Whether a name behind a dot may be a function of the row before it: `c.row_to_json` is `row_to_json(c)`. */
async function callsByDot(connection: PostgresConnection, tokens: readonly SqlToken[]): Promise<boolean> {
  const names = tokens.flatMap(({ kind, text }, at) => {
    const before = tokens[at - 1]
    return kind !== 'other' && before?.kind === 'other' && before.text === '.' ? [text] : []
  })
  if (names.length === 0) return false
  const { rows } = await connection.query(
    `SELECT EXISTS (SELECT FROM pg_catalog.pg_proc p
        JOIN pg_catalog.pg_type t ON t.oid = CASE WHEN p.pronargs = 0 THEN p.provariadic ELSE p.proargtypes[0] END
        WHERE p.proname IN (SELECT jsonb_array_elements_text($1::jsonb)) AND p.pronargs - p.pronargdefaults <= 1 AND t.typtype IN ('p', 'c'))`,
    [JSON.stringify(names)],
  )
  return rows[0]?.[0] === 't'
}
