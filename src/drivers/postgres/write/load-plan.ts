import type { Column } from '../../../core/batch.js'
import type { KeyRange, WriteMode, WritePlan, WriteStrategy } from '../../../core/driver.js'
import { applyContract, type ColumnFate, type ContractEngine } from '../../../core/schema-contract.js'
import { suggest } from '../../../core/suggest.js'
import { mayWaitAs } from '../../../core/waiting-rows.js'
import { AirlockError } from '../../../errors/index.js'
import type { PostgresConnection } from '../native.js'
import { fitName, quoteTable } from '../sql.js'
import { alterActions, typeName } from './evolve.js'
import { type PostgresPolicies, postgresPolicies } from './policies.js'
import { silentLoss } from './silent-loss.js'
import { POSTGRES_STRATEGIES } from './strategies.js'
import { refuseLossOfSwap } from './swap.js'
import { findTarget, type TargetColumn, type TargetTable } from './target.js'

/** How rows get into the table.
 * - `create`: the table is new, so it is loaded directly;
 * - `direct`: into the table as it is (append, or replace of an empty table);
 * - `staged`: into a temporary table first, and from there by SQL;
 * - `swap`: into a new table, which then takes the name. */
export type Route = 'create' | 'direct' | 'staged' | 'swap'

/** One write, worked out against the target. */
export interface LoadPlan {
  readonly mode: WriteMode
  /** The strategy of a mode that has several. */
  readonly strategy: WriteStrategy | undefined
  readonly route: Route
  /** The target, quoted. */
  readonly table: string
  /** Columns of the stream, under the names that the target has. */
  readonly source: readonly Column[]
  /** What becomes of each of them. */
  readonly fates: readonly ColumnFate[]
  /** Those that are written. */
  readonly columns: readonly Column[]
  /** The type of each written column in the target, as soon as `alters` have run. */
  readonly types: ReadonlyMap<string, string>
  /** Actions of one ALTER TABLE that make the target fit. */
  readonly alters: readonly string[]
  readonly drift: readonly string[]
  /** Key of a table that has to be created. */
  readonly primaryKey: readonly string[]
  /** What tells rows apart in this write; empty where nothing has to. */
  readonly key: readonly string[]
  readonly cursor: string | undefined
  readonly window: KeyRange | undefined
  readonly policies: PostgresPolicies
  readonly target: TargetTable | undefined
}

/** The columns of a history table (`scd2`): when a version of a row began to hold, and when it ended. */
export const VALID_FROM = '_valid_from'
export const VALID_TO = '_valid_to'

/** Works out how a plan reaches its target. Throws SCHEMA_MISMATCH, COLUMN_NOT_FOUND, CONFIG_INVALID, KEY_REQUIRED,
 * POLICY_REFUSED or TARGET_REFERENCED where it cannot, before anything is sent. */
export async function planLoad(
  connection: PostgresConnection,
  plan: WritePlan,
  source: readonly Column[],
): Promise<LoadPlan> {
  const policies = postgresPolicies(plan.policies)
  const fitted = fitColumns(source)
  const strategy = strategyOf(plan)
  const primaryKey = plan.primaryKey?.map(fitName) ?? sourceKey(fitted)
  for (const name of primaryKey) need(fitted, name, 'primary_key')
  const key = keyOf(plan, primaryKey)
  const cursor = plan.cursor === undefined ? undefined : fitName(plan.cursor)
  if (cursor !== undefined) need(fitted, cursor, 'cursor')
  const target = await findTarget(connection, plan.table)
  if (target !== undefined) checkDeletes(target, plan, strategy)
  const { fates, drift } = fitTarget(plan, fitted, target, key, strategy)
  const columns = fitted.filter((_, index) => fates[index]!.action !== 'omit')
  const window = windowOf(plan, cursor, columns, target)
  const alters = target === undefined ? [] : await alterActions(connection, target, fitted, fates)
  const load = {
    ...{ mode: plan.mode, strategy, source: fitted, fates, columns, drift, alters, primaryKey, key, cursor, window },
    ...{
      policies,
      target,
      types: typesOf(fitted, fates, target?.columns ?? (await columnsLike(connection, plan, fitted))),
    },
  }
  if (target === undefined) {
    const keyed = plan.mode === 'merge' || plan.mode === 'delete+insert'
    return { ...load, route: keyed ? 'staged' : 'create', table: quoteTable(plan.table) }
  }
  return { ...load, table: target.sql, route: await routeOf(connection, load, target) }
}

async function routeOf(
  connection: PostgresConnection,
  { mode, strategy, alters }: Pick<LoadPlan, 'mode' | 'strategy' | 'alters'>,
  target: TargetTable,
): Promise<Route> {
  // An ALTER locks readers out, so that the rows are waiting next door when it runs.
  if (mode === 'append') return alters.length === 0 ? 'direct' : 'staged'
  if (mode !== 'replace') return 'staged'
  if (alters.length === 0 && (await isEmpty(connection, target.sql))) return 'direct'
  if (strategy === 'truncate' && target.referenced) {
    throw new AirlockError('TARGET_REFERENCED', { phase: 'plan', params: { at: 'this stream' } })
  }
  if (strategy !== 'swap') return 'staged'
  await refuseLossOfSwap(connection, target)
  return 'swap'
}

/** The plan's strategy, or the first of its mode. Throws UNSUPPORTED for one that belongs to another mode. */
function strategyOf(plan: WritePlan): WriteStrategy | undefined {
  const strategies = POSTGRES_STRATEGIES[plan.mode]
  if (plan.strategy === undefined) return strategies?.[0]
  if (strategies?.includes(plan.strategy) === true) return plan.strategy
  const problem = `mode ${plan.mode} has no strategy ${plan.strategy}`
  throw new AirlockError('UNSUPPORTED', { phase: 'plan', params: { problem } })
}

/** The key that the write goes by. Only a merge needs one; `delete+insert` uses one that was asked for. */
function keyOf(plan: WritePlan, primaryKey: readonly string[]): readonly string[] {
  if (plan.mode === 'delete+insert') return plan.primaryKey === undefined ? [] : primaryKey
  if (plan.mode !== 'merge') return []
  if (primaryKey.length === 0) throw new AirlockError('KEY_REQUIRED', { phase: 'plan', params: { at: plan.table } })
  return primaryKey
}

/** Never does one write reach into another table. */
function checkDeletes(target: TargetTable, plan: WritePlan, strategy: WriteStrategy | undefined): void {
  const deletes = plan.mode === 'delete+insert' || strategy === 'delete' || strategy === 'delete-insert'
  if (!deletes || !target.cascading) return
  const problem = 'rows of other tables would be changed with the deleted ones (ON DELETE of their foreign keys)'
  throw new AirlockError('POLICY_REFUSED', { phase: 'plan', params: { problem } })
}

function fitTarget(
  plan: WritePlan,
  columns: readonly Column[],
  target: TargetTable | undefined,
  key: readonly string[],
  strategy: WriteStrategy | undefined,
): Pick<LoadPlan, 'fates' | 'drift'> {
  const history = strategy === 'scd2' ? [VALID_FROM, VALID_TO] : []
  const reserved = columns.find(({ name }) => history.includes(name))
  if (reserved !== undefined) throw mismatch(`column ${reserved.name} of the stream is the history's own`)
  if (target === undefined) return { fates: columns.map(() => ({ action: 'write' as const })), drift: [] }
  const missing = history.find((name) => !target.columns.some((column) => column.name === name))
  if (missing !== undefined) throw mismatch(`it keeps no history: it has no column ${missing}`)
  const own = target.columns.filter(({ name }) => !history.includes(name))
  return applyContract(plan.contract ?? 'freeze', columns, own, key, ENGINE)
}

const ENGINE: ContractEngine = { typeName, refusal: (column, into) => silentLoss(column, into.type) }

/** What `delete+insert` deletes: the plan's window, or by the cursor, whose bounds only the rows know. */
function windowOf(
  plan: WritePlan,
  cursor: string | undefined,
  columns: readonly Column[],
  target: TargetTable | undefined,
): KeyRange | undefined {
  if (plan.mode !== 'delete+insert') return undefined
  if (plan.window === undefined) {
    if (cursor !== undefined) return undefined
    const params = { at: 'window', problem: 'delete+insert needs a window, or a cursor to take it from' }
    throw new AirlockError('CONFIG_INVALID', { phase: 'plan', params })
  }
  const column = fitName(plan.window.column)
  need(target?.columns ?? columns, column, 'window')
  return { ...plan.window, column }
}

/** The columns under the names that the target will have. Two that only differ behind the cut are refused. */
function fitColumns(source: readonly Column[]): readonly Column[] {
  if (source.length === 0) throw mismatch('the stream has no column')
  const columns = source.map((column) => ({ ...column, name: fitName(column.name) }))
  const twice = columns.find(({ name }, index) => columns.findIndex((column) => column.name === name) !== index)
  if (twice === undefined) return columns
  throw mismatch(`two columns are called ${twice.name} in a target that keeps 63 bytes of a name`)
}

/** The source's primary key, if all of it is among the columns. */
function sourceKey(columns: readonly Column[]): readonly string[] {
  const key = columns.filter((column) => column.keyPosition > 0).sort((a, b) => a.keyPosition - b.keyPosition)
  const complete = key.every((column, index) => column.keyPosition === index + 1)
  return complete ? key.map((column) => column.name) : []
}

/** Columns of the table that a new one is to be like, as far as the stream's values stay what they are in them. */
async function columnsLike(
  connection: PostgresConnection,
  { like }: WritePlan,
  columns: readonly Column[],
): Promise<readonly TargetColumn[]> {
  const found = like === undefined ? undefined : await findTarget(connection, like)
  return (found?.columns ?? []).filter((into) => {
    const column = columns.find(({ name }) => name === into.name)
    return column !== undefined && mayWaitAs(column, into, ENGINE)
  })
}

function typesOf(
  columns: readonly Column[],
  fates: readonly ColumnFate[],
  known: readonly TargetColumn[],
): ReadonlyMap<string, string> {
  const types = columns.map(({ name, type }, index): [string, string] => {
    const fate = fates[index]!
    if (fate.action === 'add' || fate.action === 'widen') return [name, fate.type]
    return [name, known.find((column) => column.name === name)?.type ?? typeName(type)]
  })
  return new Map(types)
}

async function isEmpty(connection: PostgresConnection, table: string): Promise<boolean> {
  const { rows } = await connection.query(`SELECT NOT EXISTS (SELECT 1 FROM ${table})`)
  return rows[0]?.[0] === 't'
}

function need(columns: readonly { readonly name: string }[], name: string, setting: string): void {
  const names = columns.map((column) => column.name)
  if (names.includes(name)) return
  const params = { at: `${setting}.${name}`, suggestion: suggest(name, names) }
  throw new AirlockError('COLUMN_NOT_FOUND', { phase: 'plan', params })
}

function mismatch(problem: string): AirlockError {
  return new AirlockError('SCHEMA_MISMATCH', { phase: 'plan', params: { problem } })
}
