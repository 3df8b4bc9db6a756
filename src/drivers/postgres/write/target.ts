import type { LogicalType } from '../../../core/column-type.js'
import type { ContractTarget } from '../../../core/schema-contract.js'
import { parseTableName } from '../../../core/table-name.js'
import { AirlockError } from '../../../errors/index.js'
import type { PostgresConnection } from '../native.js'
import { fitName, quoteName } from '../sql.js'
import { logicalType } from '../types.js'

/** A column of an existing target. */
export interface TargetColumn extends ContractTarget {
  /** GENERATED ALWAYS AS IDENTITY: values of ours need a word more. */
  readonly alwaysIdentity: boolean
  /** The sequence that gives out its values, quoted; of an identity column or of a serial one. */
  readonly sequence: string | undefined
}

/** An existing target table. */
export interface TargetTable {
  readonly oid: string
  /** Schema and name, quoted. */
  readonly sql: string
  readonly columns: readonly TargetColumn[]
  readonly partitioned: boolean
  /** Other tables have foreign keys to it. */
  readonly referenced: boolean
  /** One of them changes or deletes its own rows when rows here are deleted. */
  readonly cascading: boolean
  /** Columns of each unique index that ON CONFLICT can use. */
  readonly uniqueKeys: readonly (readonly string[])[]
  /** We may insert into all of its columns. */
  readonly insertable: boolean
  /** Rows by the server's statistics; -1 where it has none. */
  readonly estimatedRows: number
}

/** Looks the target up in the catalogue, without touching the table itself: no lock is taken. Undefined where it does not
 * exist. Throws SCHEMA_MISMATCH for something that is not a table. */
export async function findTarget(connection: PostgresConnection, table: string): Promise<TargetTable | undefined> {
  const { schema, name } = parseTableName(table)
  const { rows } = await connection.query(
    `SELECT c.oid::text, n.nspname, c.relkind::text, c.reltuples::bigint::text,
        EXISTS (SELECT 1 FROM pg_catalog.pg_constraint k WHERE k.confrelid = c.oid AND k.contype = 'f' AND k.conrelid <> c.oid),
        EXISTS (SELECT 1 FROM pg_catalog.pg_constraint k
          WHERE k.confrelid = c.oid AND k.contype = 'f' AND k.confdeltype IN ('c', 'n', 'd')),
        has_table_privilege(c.oid, 'INSERT')
      FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relname = $1 AND n.nspname = coalesce($2, current_schema())
        AND c.relkind IN ('r', 'p', 'v', 'm', 'f')`,
    [fitName(name), schema === undefined ? null : fitName(schema)],
  )
  const [oid, namespace, kind, estimate, referenced, cascading, insertable] = rows[0] ?? []
  if (oid === undefined || oid === null) return undefined
  if (kind !== 'r' && kind !== 'p') {
    const params = { problem: 'the target is not a table' }
    throw new AirlockError('SCHEMA_MISMATCH', { phase: 'plan', params })
  }
  return {
    oid,
    sql: `${quoteName(namespace!)}.${quoteName(fitName(name))}`,
    columns: await targetColumns(connection, oid),
    partitioned: kind === 'p',
    referenced: referenced === 't',
    cascading: cascading === 't',
    insertable: insertable === 't',
    uniqueKeys: await uniqueKeys(connection, oid),
    estimatedRows: Number(estimate),
  }
}

async function targetColumns(connection: PostgresConnection, oid: string): Promise<readonly TargetColumn[]> {
  const { rows } = await connection.query(
    `SELECT a.attname, format_type(a.atttypid, a.atttypmod), a.atttypid::text, a.atttypmod::text,
        a.attnotnull AND NOT a.atthasdef AND a.attidentity = '', a.attnotnull, a.attgenerated <> '', a.attidentity = 'a',
        (SELECT s.oid::regclass::text FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_class s ON s.oid = d.objid
          WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = a.attrelid
            AND d.refobjsubid = a.attnum AND d.deptype IN ('a', 'i') AND s.relkind = 'S' LIMIT 1)
      FROM pg_catalog.pg_attribute a WHERE a.attrelid = $1::oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum`,
    [oid],
  )
  return rows.map(([name, type, typeOid, modifier, required, notNull, generated, always, sequence]) => ({
    name: name!,
    type: type!,
    logical: knownType(Number(typeOid), Number(modifier)),
    required: required === 't',
    notNull: notNull === 't',
    generated: generated === 't',
    alwaysIdentity: always === 't',
    sequence: sequence ?? undefined,
  }))
}

/** Indexes of plain columns without a condition, checked at once. */
async function uniqueKeys(connection: PostgresConnection, oid: string): Promise<readonly (readonly string[])[]> {
  const { rows } = await connection.query(
    `SELECT i.indexrelid::text, a.attname
      FROM pg_catalog.pg_index i
      CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k (attnum, place)
      JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
      WHERE i.indrelid = $1::oid AND i.indisunique AND i.indimmediate AND i.indisvalid
        AND i.indpred IS NULL AND i.indexprs IS NULL AND k.place <= i.indnkeyatts
      ORDER BY i.indexrelid, k.place`,
    [oid],
  )
  const keys = new Map<string, string[]>()
  for (const [index, name] of rows) keys.set(index!, [...(keys.get(index!) ?? []), name!])
  return [...keys.values()]
}

/** Types whose values the core can judge; for the others only the server can. */
const TEXT_OIDS: readonly number[] = [25, 1042, 1043]
const OPAQUE_OIDS: readonly number[] = [26, 790]

function knownType(oid: number, modifier: number): LogicalType | undefined {
  if (OPAQUE_OIDS.includes(oid)) return undefined
  const { type } = logicalType(oid, modifier)
  return type.kind === 'text' && !TEXT_OIDS.includes(oid) ? undefined : type
}
