import type { PostgresConnection } from '../native.js'
import type { TypeContext } from './source-types.js'

/** A column of a table or a query, as the server describes it. */
export interface SourceField {
  readonly name: string
  readonly oid: number
  readonly modifier: number
  /** The declared type, with its modifier; of a query's column the type below a domain. */
  readonly declared: string
  /** NULL cannot occur. */
  readonly required: boolean
  /** 1-based position in the primary key, or 0. */
  readonly keyPosition: number
}

/** Where rows come from, and what bounds can be put on them. */
export interface SourceRelation {
  /** What follows FROM. */
  readonly from: string
  readonly fields: readonly SourceField[]
  readonly context: TypeContext
}

/** Columns from the catalogue, so that nothing is read which the request leaves out. The server's error where there is no
 * such table. */
export async function tableFields(connection: PostgresConnection, table: string): Promise<readonly SourceField[]> {
  const { rows } = await connection.query(
    `SELECT a.attname, a.atttypid, a.atttypmod, pg_catalog.format_type(a.atttypid, a.atttypmod), a.attnotnull,
        coalesce(array_position(i.indkey::int2[], a.attnum) + 1, 0)
      FROM pg_catalog.pg_attribute a
      LEFT JOIN pg_catalog.pg_index i ON i.indrelid = a.attrelid AND i.indisprimary AND a.attnum = ANY (i.indkey)
      WHERE a.attrelid = $1::regclass AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum`,
    [table],
  )
  return rows.map(([name, oid, modifier, declared, required, position]) => ({
    name: name!,
    oid: Number(oid),
    modifier: Number(modifier),
    declared: declared!,
    required: required === 't',
    keyPosition: Number(position),
  }))
}

/** Columns of what `from` stands for, described by the server without running it. */
export async function queryFields(connection: PostgresConnection, from: string): Promise<readonly SourceField[]> {
  const { fields } = await connection.query(`SELECT * FROM ${from} LIMIT 0`)
  if (fields.length === 0) return []
  const { rows } = await connection.query(
    `SELECT pg_catalog.format_type(t.oid, t.modifier)
      FROM unnest($1::oid[], $2::int4[]) WITH ORDINALITY AS t (oid, modifier, place) ORDER BY t.place`,
    [arrayOf(fields.map((field) => field.typeOid)), arrayOf(fields.map((field) => field.typeModifier))],
  )
  return fields.map((field, index) => ({
    name: field.name,
    oid: field.typeOid,
    modifier: field.typeModifier,
    declared: rows[index]![0]!,
    required: false,
    keyPosition: 0,
  }))
}

function arrayOf(numbers: readonly number[]): string {
  return `{${numbers.join(',')}}`
}
