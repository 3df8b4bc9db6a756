import type { PostgresConnection } from '../native.js'

/** What `pg_type` says of a type. */
export interface CatalogType {
  readonly oid: number
  /** Base, composite, domain, enum, multirange, pseudo or range. */
  readonly kind: 'b' | 'c' | 'd' | 'e' | 'm' | 'p' | 'r'
  readonly name: string
  /** Schema of the type; `pg_catalog` for the server's own. */
  readonly schema: string
  /** Of a domain: the type below, and the modifier that it was given. */
  readonly base: { readonly oid: number; readonly modifier: number } | undefined
  /** Of an array: the type of the elements. `name`, `point` or `int2vector` are no arrays, whatever they say. */
  readonly element: number | undefined
  /** What stands between two elements of an array of this type. */
  readonly delimiter: string
  /** Conversions of extensions that are installed beside the type: names of functions without their schema. */
  readonly functions: ReadonlySet<string>
}

/** Types by OID. */
export type TypeCatalog = ReadonlyMap<number, CatalogType>

/** Functions of extensions that give a type's values another form. */
const CONVERSIONS = ['hstore_to_json', 'st_asewkb']

const LOOK_UP = `
  WITH RECURSIVE used (oid) AS (
    SELECT unnest($1::oid[])
    UNION
    SELECT next.oid FROM used u JOIN pg_catalog.pg_type t ON t.oid = u.oid
      LEFT JOIN pg_catalog.pg_type e ON e.typarray = t.oid
      CROSS JOIN LATERAL (VALUES (nullif(t.typbasetype, 0)), (e.oid)) AS next (oid)
      WHERE next.oid IS NOT NULL
  )
  SELECT t.oid, t.typtype, t.typname, n.nspname, nullif(t.typbasetype, 0), t.typtypmod, e.oid, t.typdelim,
      (SELECT string_agg(DISTINCT p.proname, ' ') FROM pg_catalog.pg_proc p
        WHERE p.pronamespace = t.typnamespace AND p.proname = ANY ($2) AND p.proargtypes[0] = t.oid)
    FROM used u JOIN pg_catalog.pg_type t ON t.oid = u.oid JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
      LEFT JOIN pg_catalog.pg_type e ON e.typarray = t.oid`

/** Looks types up, with those that they are made of: domains of domains, elements of arrays. */
export async function loadTypes(connection: PostgresConnection, oids: Iterable<number>): Promise<TypeCatalog> {
  const wanted = [...new Set(oids)]
  if (wanted.length === 0) return new Map()
  const { rows } = await connection.query(LOOK_UP, [`{${wanted.join(',')}}`, `{${CONVERSIONS.join(',')}}`])
  return new Map(
    rows.map((row): [number, CatalogType] => {
      const [oid, kind, name, schema, base, modifier, element, delimiter, functions] = row
      const type: CatalogType = {
        oid: Number(oid),
        kind: kind as CatalogType['kind'],
        name: name!,
        schema: schema!,
        base: base === null || base === undefined ? undefined : { oid: Number(base), modifier: Number(modifier) },
        element: element === null || element === undefined ? undefined : Number(element),
        delimiter: delimiter!,
        functions: new Set(functions?.split(' ')),
      }
      return [type.oid, type]
    }),
  )
}
