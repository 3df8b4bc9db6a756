import type { Column } from '../../core/batch.js'
import type { WriteOutline, WritePlan } from '../../core/driver.js'
import { suggest } from '../../core/suggest.js'
import { AirlockError } from '../../errors/index.js'
import type { PostgresConnection } from './native.js'
import { type PostgresPolicies, postgresPolicies } from './policies.js'
import { fitName, nameList, quoteName, quoteTable } from './sql.js'
import { checkFit, findTarget, type TargetTable } from './target.js'
import { postgresType } from './types.js'

/** How rows get into the table.
 * - `create`: the table is new, so it is loaded directly;
 * - `direct`: into the table as it is (append, or replace of an empty table);
 * - `staged`: into a temporary table first, so that readers wait only for the swap. */
export type Route = 'create' | 'direct' | 'staged'

/** One write, worked out against the target. */
export interface LoadPlan {
  readonly route: Route
  /** The target, quoted. */
  readonly table: string
  readonly columns: readonly Column[]
  readonly primaryKey: readonly string[]
  readonly policies: PostgresPolicies
  readonly target: TargetTable | undefined
}

/** The name of the temporary table of a staged load; it exists in the loading session only. */
export const STAGING = 'airlock_staging'

/** Works out how a plan reaches its target. Throws SCHEMA_MISMATCH, COLUMN_NOT_FOUND, CONFIG_INVALID or TARGET_REFERENCED
 * where it cannot, before anything is sent. */
export async function planLoad(
  connection: PostgresConnection,
  plan: WritePlan,
  source: readonly Column[],
): Promise<LoadPlan> {
  const policies = postgresPolicies(plan.policies)
  const columns = fitColumns(source)
  const names = columns.map((column) => column.name)
  const primaryKey = plan.primaryKey?.map(fitName) ?? sourceKey(columns)
  const unknown = primaryKey.find((name) => !names.includes(name))
  if (unknown !== undefined) {
    const params = { at: `primary_key.${unknown}`, suggestion: suggest(unknown, names) }
    throw new AirlockError('COLUMN_NOT_FOUND', { phase: 'plan', params })
  }
  const target = await findTarget(connection, plan.table)
  const shared = { columns, primaryKey, policies, target }
  if (target === undefined) return { ...shared, route: 'create', table: quoteTable(plan.table) }
  checkFit(target, columns)
  const table = target.sql
  if (plan.mode === 'append' || (await isEmpty(connection, table))) return { ...shared, route: 'direct', table }
  if (target.referenced) throw new AirlockError('TARGET_REFERENCED', { phase: 'plan', params: { at: 'this stream' } })
  return { ...shared, route: 'staged', table }
}

/** The columns under the names that the target will have. Two that only differ behind the cut are refused. */
function fitColumns(source: readonly Column[]): readonly Column[] {
  if (source.length === 0) {
    throw new AirlockError('SCHEMA_MISMATCH', { phase: 'plan', params: { problem: 'the stream has no column' } })
  }
  const columns = source.map((column) => ({ ...column, name: fitName(column.name) }))
  const twice = columns.find(({ name }, index) => columns.findIndex((column) => column.name === name) !== index)
  if (twice === undefined) return columns
  const problem = `two columns are called ${twice.name} in a target that keeps 63 bytes of a name`
  throw new AirlockError('SCHEMA_MISMATCH', { phase: 'plan', params: { problem } })
}

/** The source's primary key, if all of it is among the columns. */
function sourceKey(columns: readonly Column[]): readonly string[] {
  const key = columns.filter((column) => column.keyPosition > 0).sort((a, b) => a.keyPosition - b.keyPosition)
  const complete = key.every((column, index) => column.keyPosition === index + 1)
  return complete ? key.map((column) => column.name) : []
}

async function isEmpty(connection: PostgresConnection, table: string): Promise<boolean> {
  const { rows } = await connection.query(`SELECT NOT EXISTS (SELECT 1 FROM ${table})`)
  return rows[0]?.[0] === 't'
}

export function createTable(load: LoadPlan): string {
  const lines = load.columns.map((column) => {
    const required = !column.nullable || load.primaryKey.includes(column.name)
    return `  ${quoteName(column.name)} ${postgresType(column.type)}${required ? ' NOT NULL' : ''}`
  })
  return `CREATE TABLE ${load.table} (\n${lines.join(',\n')}\n)`
}

/** Added after the load: building an index once is cheaper than keeping it up to date. */
export function addPrimaryKey(load: LoadPlan): string | undefined {
  return load.primaryKey.length === 0
    ? undefined
    : `ALTER TABLE ${load.table} ADD PRIMARY KEY (${nameList(load.primaryKey)})`
}

export function copyStatement(load: LoadPlan): string {
  const into = load.route === 'staged' ? `pg_temp.${quoteName(STAGING)}` : load.table
  const names = nameList(load.columns.map((column) => column.name))
  // Nobody else can see a table of this transaction, so its rows may be written as already frozen.
  return `COPY ${into} (${names}) FROM STDIN${load.route === 'create' ? ' WITH (FREEZE)' : ''}`
}

export function createStaging(load: LoadPlan): string {
  const names = nameList(load.columns.map((column) => column.name))
  return `CREATE TEMPORARY TABLE ${quoteName(STAGING)} ON COMMIT DROP AS SELECT ${names} FROM ${load.table} WITH NO DATA`
}

/** The swap of a staged replace; one lock, and everything that hangs on the table stays. */
export function swapStatements(load: LoadPlan): readonly [truncate: string, insert: string] {
  const names = nameList(load.columns.map((column) => column.name))
  return [
    `TRUNCATE ${load.table}`,
    `INSERT INTO ${load.table} (${names}) SELECT ${names} FROM pg_temp.${quoteName(STAGING)}`,
  ]
}

/** The plan for people. */
export function outlineOf(load: LoadPlan, plan: WritePlan): WriteOutline {
  const key = addPrimaryKey(load)
  const steps: Record<Route, readonly string[]> = {
    create: [createTable(load), copyStatement(load), ...(key === undefined ? [] : [key])],
    direct: [copyStatement(load)],
    staged: [createStaging(load), copyStatement(load), ...swapStatements(load)],
  }
  return {
    targetExists: load.target !== undefined,
    statements: ['BEGIN', ...steps[load.route], 'COMMIT'],
    columnTypes: Object.fromEntries(
      load.columns.map((column) => [
        column.name,
        load.target?.columns.find((candidate) => candidate.name === column.name)?.type ?? postgresType(column.type),
      ]),
    ),
    notes: notes(load, plan),
  }
}

function notes(load: LoadPlan, plan: WritePlan): readonly string[] {
  if (load.route === 'create') return ['atomic: the table appears complete or not at all']
  if (plan.mode === 'append') return ['atomic: all rows or none', 'not idempotent: a second run appends the rows again']
  const shared = ['atomic: the old rows or the new ones', 'grants, views, triggers and foreign keys of the table stay']
  if (load.route === 'direct')
    return [...shared, 'the table is empty and is loaded directly; writers wait until the end']
  return [
    ...shared,
    'readers wait for the swap (ACCESS EXCLUSIVE)',
    'a transaction with an older snapshot sees an empty table after the swap',
  ]
}
