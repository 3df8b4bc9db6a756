import type { Column } from '../../../core/batch.js'
import type { KeyRange, WriteMode, WritePlan, WriteStrategy } from '../../../core/driver.js'
import { applyContract, type ColumnFate, type ContractEngine } from '../../../core/schema-contract.js'
import { suggest } from '../../../core/suggest.js'
import { parseTableName } from '../../../core/table-name.js'
import { mayWaitAs } from '../../../core/waiting-rows.js'
import { AirlockError } from '../../../errors/index.js'
import type { MysqlConnection } from '../native.js'
import { type MysqlPolicies, mysqlPolicies } from '../policies.js'
import { quoteName, quoteTable } from '../sql.js'
import { alterActions } from './evolve.js'
import { contractTarget, silentLoss } from './fit.js'
import { fitColumns, fitTableName } from './names.js'
import { type ServerFacts, serverFacts } from './server-facts.js'
import { MYSQL_STRATEGIES } from './strategies.js'
import { refuseCascades, refuseLossOfSwap } from './swap.js'
import { findTarget, sameName, type TargetTable } from './target.js'
import { mysqlType, tableTypes } from './types.js'

/** How rows get into the table.
 * - `create`: the table is new, so it is loaded directly;
 * - `direct`: into the table as it is (append and replace);
 * - `staged`: into a temporary table first, and from there by SQL;
 * - `swap`: into a new table, which then takes the name. */
export type Route = 'create' | 'direct' | 'staged' | 'swap'

/** One write, worked out against the target. */
export interface LoadPlan {
  readonly mode: WriteMode
  readonly strategy: WriteStrategy | undefined
  readonly route: Route
  /** The target, quoted. */
  readonly table: string
  /** Where temporary tables live: the target's schema, quoted and with its dot, or nothing for the current one. */
  readonly place: string
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
  readonly policies: MysqlPolicies
  readonly facts: ServerFacts
  readonly target: TargetTable | undefined
}

/** The columns of a history table (`scd2`): when a version of a row began to hold, and when it ended. */
export const VALID_FROM = '_valid_from'
export const VALID_TO = '_valid_to'

/** Works out how a plan reaches its target. Throws SCHEMA_MISMATCH, COLUMN_NOT_FOUND, CONFIG_INVALID, KEY_REQUIRED,
 * POLICY_REFUSED, UNSUPPORTED or VALUE_POLICY where it cannot, before anything is sent. */
export async function planLoad(
  connection: MysqlConnection,
  plan: WritePlan,
  stream: readonly Column[],
): Promise<LoadPlan> {
  const policies = mysqlPolicies(plan.policies)
  const facts = await serverFacts(connection)
  fitTableName(plan.table)
  const target = await findTarget(connection, plan.table)
  const source = fitColumns(stream, target)
  const strategy = strategyOf(plan)
  const primaryKey = plan.primaryKey?.map((name) => need(source, name, 'primary_key')) ?? sourceKey(source)
  const key = keyOf(plan, primaryKey)
  const cursor = plan.cursor === undefined ? undefined : need(source, plan.cursor, 'cursor')
  const choices = { policies, mariadb: facts.mariadb }
  const engine: ContractEngine = {
    typeName: (type) => mysqlType({ name: 'of the stream', type, sourceType: '' }, choices),
    refusal: (column, into) => silentLoss(column, into.type),
  }
  const { fates, drift } = fitTarget(plan, source, target, key, strategy, engine)
  const columns = source.filter((_, index) => fates[index]!.action !== 'omit')
  const types =
    target === undefined
      ? tableTypes(source, primaryKey, { ...choices, given: await typesLike(connection, plan, source, engine) })
      : typesOf(source, fates, target)
  const shared = {
    ...{
      mode: plan.mode,
      strategy,
      source,
      fates,
      columns,
      types,
      drift,
      primaryKey,
      key,
      cursor,
      policies,
      facts,
      target,
    },
    window: windowOf(plan, cursor, columns, target),
    alters: target === undefined ? [] : alterActions(target, source, fates),
  }
  const { schema } = parseTableName(plan.table)
  const place = schema === undefined ? '' : `${quoteName(schema)}.`
  const keyed = plan.mode === 'merge' || plan.mode === 'delete+insert'
  if (target === undefined)
    return { ...shared, route: keyed ? 'staged' : 'create', table: quoteTable(plan.table), place }
  if (strategy === 'delete' || strategy === 'delete-insert' || plan.mode === 'delete+insert')
    await refuseCascades(connection, target)
  if (strategy === 'swap') await refuseLossOfSwap(connection, target)
  // What was written into a table that has other rows can only be told apart, and read back, while it is staged.
  const staged = keyed || (plan.mode === 'append' && plan.checksum === true)
  return { ...shared, route: strategy === 'swap' ? 'swap' : staged ? 'staged' : 'direct', table: target.sql, place }
}

/** The plan's strategy, or the first of its mode. Throws UNSUPPORTED for one that the mode does not have. */
function strategyOf(plan: WritePlan): WriteStrategy | undefined {
  const strategies = MYSQL_STRATEGIES[plan.mode]
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

function fitTarget(
  plan: WritePlan,
  columns: readonly Column[],
  target: TargetTable | undefined,
  key: readonly string[],
  strategy: WriteStrategy | undefined,
  engine: ContractEngine,
): Pick<LoadPlan, 'fates' | 'drift'> {
  const history = strategy === 'scd2' ? [VALID_FROM, VALID_TO] : []
  const reserved = columns.find(({ name }) => history.some((own) => sameName(own, name)))
  if (reserved !== undefined) throw mismatch(`column ${reserved.name} of the stream is the history's own`)
  if (target === undefined) return { fates: columns.map(() => ({ action: 'write' as const })), drift: [] }
  const missing = history.find((name) => !target.columns.some((column) => column.name === name))
  if (missing !== undefined) throw mismatch(`it keeps no history: it has no column ${missing}`)
  const own = target.columns.filter(({ name }) => !history.includes(name)).map(contractTarget)
  return applyContract(plan.contract ?? 'freeze', columns, own, key, engine)
}

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
  return { ...plan.window, column: need(target?.columns ?? columns, plan.window.column, 'window') }
}

/** The source's primary key, if all of it is among the columns. */
function sourceKey(columns: readonly Column[]): readonly string[] {
  const key = columns.filter((column) => column.keyPosition > 0).sort((a, b) => a.keyPosition - b.keyPosition)
  const complete = key.every((column, index) => column.keyPosition === index + 1)
  return complete ? key.map((column) => column.name) : []
}

/** Types of the table that a new one is to be like, as far as the stream's values stay what they are in them. */
async function typesLike(
  connection: MysqlConnection,
  { like }: WritePlan,
  columns: readonly Column[],
  engine: ContractEngine,
): Promise<ReadonlyMap<string, string>> {
  const found = like === undefined ? undefined : await findTarget(connection, like)
  const types = new Map<string, string>()
  for (const column of columns) {
    const into = found?.columns.find(({ name }) => sameName(name, column.name))
    if (into !== undefined && mayWaitAs(column, contractTarget(into), engine)) types.set(column.name, into.type)
  }
  return types
}

function typesOf(
  columns: readonly Column[],
  fates: readonly ColumnFate[],
  target: TargetTable,
): ReadonlyMap<string, string> {
  const types = columns.map(({ name }, index): [string, string] => {
    const fate = fates[index]!
    if (fate.action === 'add' || fate.action === 'widen') return [name, fate.type]
    return [name, target.columns.find((column) => column.name === name)?.type ?? '']
  })
  return new Map(types.filter(([, type]) => type !== ''))
}

/** The name as the columns spell it. */
function need(columns: readonly { readonly name: string }[], name: string, setting: string): string {
  const found = columns.find((column) => sameName(column.name, name))
  if (found !== undefined) return found.name
  const suggestion = suggest(
    name,
    columns.map((column) => column.name),
  )
  throw new AirlockError('COLUMN_NOT_FOUND', { phase: 'plan', params: { at: `${setting}.${name}`, suggestion } })
}

function mismatch(problem: string): AirlockError {
  return new AirlockError('SCHEMA_MISMATCH', { phase: 'plan', params: { problem } })
}
