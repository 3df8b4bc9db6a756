import { parseTableName } from '../../../core/table-name.js'
import { AirlockError } from '../../../errors/index.js'
import type { PostgresConnection } from '../native.js'
import { fitName, quoteName } from '../sql.js'
import type { TargetTable } from './target.js'

/** What hangs on a table and would stay with the old one when another takes its name. */
const LOSSES: readonly (readonly [what: string, condition: string])[] = [
  [
    'views',
    `EXISTS (SELECT 1 FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid
      WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = c.oid AND r.ev_class <> c.oid)`,
  ],
  ['rules', 'c.relhasrules'],
  [
    'foreign keys',
    "EXISTS (SELECT 1 FROM pg_constraint k WHERE k.contype = 'f' AND (k.conrelid = c.oid OR k.confrelid = c.oid))",
  ],
  [
    'grants',
    'c.relacl IS NOT NULL OR EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attacl IS NOT NULL)',
  ],
  ['its owner', 'c.relowner <> (SELECT oid FROM pg_roles WHERE rolname = current_user)'],
  ['triggers', 'EXISTS (SELECT 1 FROM pg_trigger t WHERE t.tgrelid = c.oid AND NOT t.tgisinternal)'],
  ['row security', 'c.relrowsecurity OR EXISTS (SELECT 1 FROM pg_policy p WHERE p.polrelid = c.oid)'],
  ['a publication', 'EXISTS (SELECT 1 FROM pg_publication_rel p WHERE p.prrelid = c.oid)'],
  [
    'partitions or inheritance',
    "c.relkind = 'p' OR EXISTS (SELECT 1 FROM pg_inherits i WHERE i.inhrelid = c.oid OR i.inhparent = c.oid)",
  ],
  [
    'the sequence of a serial column',
    `EXISTS (SELECT 1 FROM pg_depend d JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S'
      WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = c.oid AND d.deptype = 'a')`,
  ],
  [
    'functions or columns of its row type',
    `EXISTS (SELECT 1 FROM pg_depend d WHERE d.refclassid = 'pg_type'::regclass AND d.deptype = 'n'
      AND d.refobjid IN (SELECT y.oid FROM pg_type y WHERE y.oid = c.reltype OR y.typelem = c.reltype))`,
  ],
  [
    'storage options',
    "c.reloptions IS NOT NULL OR c.reltablespace <> 0 OR c.relpersistence <> 'p' OR c.relreplident <> 'd'",
  ],
]

/** Refuses to swap a table away from what hangs on it. Throws POLICY_REFUSED, which names all of that. */
export async function refuseLossOfSwap(connection: PostgresConnection, target: TargetTable): Promise<void> {
  const list = LOSSES.map(([, condition]) => `(${condition})`).join(', ')
  const { rows } = await connection.query(`SELECT ${list} FROM pg_class c WHERE c.oid = $1::oid`, [target.oid])
  const lost = LOSSES.filter((_, index) => rows[0]?.[index] === 't').map(([what]) => what)
  if (lost.length === 0) return
  const problem = `a swap would lose ${lost.join(', ')} of the table; use the strategy truncate or delete`
  throw new AirlockError('POLICY_REFUSED', { phase: 'plan', params: { problem } })
}

/** The table that takes the target's place, quoted, in the same schema. */
export function newcomer(target: TargetTable): string {
  return beside(target, `airlock_new_${target.oid}`)
}

/** Columns, defaults, checks, indexes and comments of the target. */
export function createNewcomer(target: TargetTable): string {
  return `CREATE TABLE ${newcomer(target)} (LIKE ${target.sql} INCLUDING ALL)`
}

/** The short part: readers wait from here to the commit. */
export function swapStatements(target: TargetTable, table: string): readonly string[] {
  const name = quoteName(fitName(parseTableName(table).name))
  const old = `airlock_old_${target.oid}`
  return [
    `LOCK TABLE ${target.sql} IN ACCESS EXCLUSIVE MODE`,
    `ALTER TABLE ${target.sql} RENAME TO ${quoteName(old)}`,
    `ALTER TABLE ${newcomer(target)} RENAME TO ${name}`,
    `DROP TABLE ${beside(target, old)}`,
  ]
}

/** Puts the loaded newcomer in the target's place; its indexes and sequences take the old names, and numbers that the
 * old table had given out are not given out again. */
export async function swapTables(connection: PostgresConnection, target: TargetTable, table: string): Promise<void> {
  const [lock, ...rest] = swapStatements(target, table)
  await connection.query(lock!)
  await refuseLossOfSwap(connection, target)
  const after = await connection.query(FOLLOWERS, [target.oid, newcomer(target)])
  for (const [statement, when] of after.rows) if (when === 'before') await connection.query(statement!)
  for (const statement of rest) await connection.query(statement)
  for (const [statement, when] of after.rows) if (when === 'after') await connection.query(statement!)
}

/** Statements that make the newcomer ($2) complete, written by the server, which knows how to quote. Indexes are paired
 * by what they are; equal ones in the order of their creation. */
const FOLLOWERS = `
  WITH tables (oid, side) AS (VALUES ($1::oid, 'old'), ($2::regclass::oid, 'new')),
  indexes AS (
    SELECT t.side, x.relname, n.nspname,
      concat_ws('|', i.indisunique, i.indisprimary, i.indnkeyatts, i.indkey::text, i.indclass::text, i.indcollation::text,
        i.indoption::text, pg_get_expr(i.indexprs, i.indrelid), pg_get_expr(i.indpred, i.indrelid), x.relam) AS shape,
      i.indexrelid
    FROM tables t JOIN pg_index i ON i.indrelid = t.oid JOIN pg_class x ON x.oid = i.indexrelid
      JOIN pg_namespace n ON n.oid = x.relnamespace
  ), places AS (
    SELECT *, row_number() OVER (PARTITION BY side, shape ORDER BY indexrelid) AS place FROM indexes
  ), sequences AS (
    SELECT t.side, s.oid, s.relname, n.nspname, d.refobjsubid AS attnum
    FROM tables t JOIN pg_depend d ON d.refobjid = t.oid AND d.refclassid = 'pg_class'::regclass
      AND d.classid = 'pg_class'::regclass AND d.deptype = 'i'
      JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S' JOIN pg_namespace n ON n.oid = s.relnamespace
  )
  SELECT format('ALTER INDEX %I.%I RENAME TO %I', fresh.nspname, fresh.relname, gone.relname), 'after'
    FROM places gone JOIN places fresh USING (shape, place) WHERE gone.side = 'old' AND fresh.side = 'new'
  UNION ALL
  SELECT format('ALTER SEQUENCE %I.%I RENAME TO %I', fresh.nspname, fresh.relname, gone.relname), 'after'
    FROM sequences gone JOIN sequences fresh USING (attnum) WHERE gone.side = 'old' AND fresh.side = 'new'
  UNION ALL
  SELECT format('SELECT setval(%L, last_value, is_called) FROM %s', fresh.oid::regclass::text, gone.oid::regclass::text), 'before'
    FROM sequences gone JOIN sequences fresh USING (attnum) WHERE gone.side = 'old' AND fresh.side = 'new'
  UNION ALL
  SELECT format('COMMENT ON TABLE %s IS %L', $2::regclass::text, obj_description($1::oid, 'pg_class')), 'before'
    WHERE obj_description($1::oid, 'pg_class') IS NOT NULL`

function beside(target: TargetTable, name: string): string {
  const schema = /^"(?:[^"]|"")+"/.exec(target.sql)![0]
  return `${schema}.${quoteName(name)}`
}
