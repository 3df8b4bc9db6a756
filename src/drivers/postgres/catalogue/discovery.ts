import type { Column } from '../../../core/batch.js'
import type { Catalog, CatalogTable, DiscoverRequest, ForeignKey } from '../../../core/driver.js'
import { parseTableName } from '../../../core/table-name.js'
import { AirlockError } from '../../../errors/index.js'
import type { PostgresConnection } from '../native.js'
import { readType, type TypeContext } from '../read/source-types.js'
import { typeContext } from '../read/type-context.js'
import { fitName } from '../sql.js'

type Row = readonly (string | null)[]

/** Tables and views that the user may use in some way; partitions are part of their parent. $1: schema, $2: table; null:
 * any. A name without a schema is looked up as a statement would. */
const RELATIONS = `
  SELECT c.oid, n.nspname, c.relname, c.relkind, c.reltuples, c.relpages, c.reltoastrelid
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p', 'f', 'v', 'm') AND NOT c.relispartition
    AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
    AND ($1::text IS NULL OR n.nspname = $1) AND ($2::text IS NULL OR c.relname = $2)
    AND ($1::text IS NOT NULL OR $2::text IS NULL OR pg_catalog.pg_table_is_visible(c.oid))
    AND pg_catalog.has_schema_privilege(n.oid, 'USAGE')
    AND (pg_catalog.has_table_privilege(c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE')
      OR pg_catalog.has_any_column_privilege(c.oid, 'SELECT, INSERT, UPDATE'))`

/** Statistics know nothing of a partitioned table itself; without any, Postgres says -1. */
const TABLES = `
  WITH relations AS (${RELATIONS})
  SELECT r.oid, r.nspname, r.relname, r.relkind::text, e.tuples, e.bytes
  FROM relations r CROSS JOIN LATERAL (
    SELECT sum(greatest(p.reltuples, 0))::bigint AS tuples,
      (sum(p.relpages + coalesce(t.relpages, 0)) * pg_catalog.current_setting('block_size')::bigint)::bigint AS bytes
    FROM pg_catalog.pg_class p LEFT JOIN pg_catalog.pg_class t ON t.oid = p.reltoastrelid
    WHERE p.reltuples >= 0 AND p.relkind IN ('r', 'm')
      AND (p.oid = r.oid OR r.relkind = 'p' AND p.oid IN (SELECT relid FROM pg_catalog.pg_partition_tree(r.oid)))
  ) e ORDER BY r.nspname, r.relname`

const COLUMNS = `
  WITH relations AS (${RELATIONS})
  SELECT a.attrelid, a.attname, a.atttypid, a.atttypmod, pg_catalog.format_type(a.atttypid, a.atttypmod), a.attnotnull
  FROM pg_catalog.pg_attribute a JOIN relations r ON r.oid = a.attrelid
  WHERE a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attrelid, a.attnum`

/** Keys that hold for every row and say something of columns: no partial index, none over expressions. */
const KEYS = `
  WITH relations AS (${RELATIONS})
  SELECT i.indrelid, i.indexrelid, i.indisprimary, a.attname
  FROM pg_catalog.pg_index i JOIN relations r ON r.oid = i.indrelid
    CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k (attnum, place)
    JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
  WHERE i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL AND k.place <= i.indnkeyatts
  ORDER BY i.indrelid, i.indexrelid, k.place`

const REFERENCES = `
  WITH relations AS (${RELATIONS})
  SELECT k.conrelid, k.oid, n.nspname, c.relname, a.attname, f.attname
  FROM pg_catalog.pg_constraint k JOIN relations r ON r.oid = k.conrelid
    JOIN pg_catalog.pg_class c ON c.oid = k.confrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    CROSS JOIN LATERAL unnest(k.conkey, k.confkey) WITH ORDINALITY AS u (own, other, place)
    JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.own
    JOIN pg_catalog.pg_attribute f ON f.attrelid = k.confrelid AND f.attnum = u.other
  WHERE k.contype = 'f' AND NOT c.relispartition ORDER BY k.conrelid, k.oid, u.place`

/** The catalogue as far as the user may use it: a handful of queries, however many tables there are. Throws TABLE_NOT_FOUND where
 * the one table that was asked for is not there. */
export async function discoverPostgres(connection: PostgresConnection, request: DiscoverRequest): Promise<Catalog> {
  const named = request.table === undefined ? undefined : parseTableName(request.table)
  const schema = named?.schema ?? request.schema
  const values = [schema === undefined ? null : fitName(schema), named === undefined ? null : fitName(named.name)]
  const rows = async (sql: string): Promise<readonly Row[]> => (await connection.query(sql, values)).rows
  const tables = await rows(TABLES)
  if (tables.length === 0 && named !== undefined) throw new AirlockError('TABLE_NOT_FOUND', { phase: 'discover' })
  const attributes = await rows(COLUMNS)
  const context = await typeContext(
    connection,
    attributes.map(([, , oid]) => Number(oid)),
  )
  const columns = grouped(attributes)
  const keys = grouped(await rows(KEYS))
  const references = grouped(await rows(REFERENCES))
  const { rows: server } = await connection.query("SELECT current_setting('server_version')")
  return {
    server: `PostgreSQL ${/^\d+(?:\.\d+)*/.exec(server[0]?.[0] ?? '')?.[0] ?? ''}`.trim(),
    tables: tables.map(([oid, namespace, name, kind, tuples, bytes]): CatalogTable => {
      const { primaryKey, uniqueKeys } = keysOf(keys.get(oid!) ?? [])
      return {
        schema: namespace!,
        name: name!,
        kind: kind === 'v' || kind === 'm' ? 'view' : 'table',
        columns: (columns.get(oid!) ?? []).map((row) => columnOf(row, primaryKey, context)),
        primaryKey,
        uniqueKeys,
        foreignKeys: foreignKeysOf(references.get(oid!) ?? []),
        estimatedRows: numberOf(tuples),
        estimatedBytes: numberOf(bytes),
      }
    }),
  }
}

function columnOf(row: Row, primaryKey: readonly string[], context: TypeContext): Column {
  const [, name, oid, modifier, sourceType, required] = row
  const { type } = readType(Number(oid), Number(modifier), context)
  const keyPosition = primaryKey.indexOf(name!) + 1
  return { name: name!, type, nullable: required !== 't', sourceType: sourceType!, keyPosition }
}

function keysOf(rows: readonly Row[]): Pick<CatalogTable, 'primaryKey' | 'uniqueKeys'> {
  const primaryKey = rows.filter(([, , primary]) => primary === 't').map(([, , , column]) => column!)
  const unique = new Map<string, string[]>()
  for (const [, index, primary, column] of rows) {
    if (primary === 't') continue
    unique.set(index!, [...(unique.get(index!) ?? []), column!])
  }
  return { primaryKey, uniqueKeys: [...unique.values()] }
}

function foreignKeysOf(rows: readonly Row[]): readonly ForeignKey[] {
  const byConstraint = new Map<string, { schema: string; table: string; columns: string[]; references: string[] }>()
  for (const [, constraint, schema, table, column, reference] of rows) {
    const key = byConstraint.get(constraint!) ?? { schema: schema!, table: table!, columns: [], references: [] }
    byConstraint.set(constraint!, key)
    key.columns.push(column!)
    key.references.push(reference!)
  }
  return [...byConstraint.values()]
}

/** Rows by the table in their first column. */
function grouped(rows: readonly Row[]): ReadonlyMap<string, readonly Row[]> {
  const groups = new Map<string, Row[]>()
  for (const row of rows) {
    const group = groups.get(row[0]!)
    if (group === undefined) groups.set(row[0]!, [row])
    else group.push(row)
  }
  return groups
}

function numberOf(text: string | null | undefined): number | undefined {
  return text === null || text === undefined ? undefined : Number(text)
}
