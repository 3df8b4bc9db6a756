import type { Batch, Column } from '../../../core/batch.js'
import type { RowChanges, WritePlan, WriteReceipt } from '../../../core/driver.js'
import { AirlockError } from '../../../errors/index.js'
import type { PostgresConnection } from '../native.js'
import { applyHistory, countAbsent } from './apply-history.js'
import { type Applied, applyMerge } from './apply-merge.js'
import { appendStatement, applyReplace } from './apply-replace.js'
import { deletion, refuseNullCursors, windowStatements } from './apply-window.js'
import { countRows, countTable, lastRewrite } from './count-rows.js'
import { refuseDeletes } from './delete-limit.js'
import { alterTable } from './evolve.js'
import { advanceSequences, identityColumn } from './identity.js'
import { type LoadPlan, planLoad } from './load-plan.js'
import { type Sent, sendRows, type WriteBy } from './sending.js'
import { addPrimaryKey, createStaging, createTable, settleDuplicates } from './staging.js'
import { createNewcomer, newcomer, swapTables } from './swap.js'
import { findTarget } from './target.js'
import { moveWaiting, takesWaiting } from './waiting-rows.js'
import { WriteChecksums } from './write-checksums.js'

/** The first batch, which says what the columns are, and the others. */
export interface Source {
  readonly first: Batch
  readonly rest: AsyncIterator<Batch>
}

/** Everything of a write between BEGIN and COMMIT: plan, load, apply, count. Throws COUNT_MISMATCH where the counts of two
 * ends differ. */
export async function loadRows(
  connection: PostgresConnection,
  plan: WritePlan,
  source: Source,
  signal: AbortSignal,
  writeBy: WriteBy,
): Promise<WriteReceipt> {
  const load = await lockedPlan(connection, plan, source.first.columns)
  const created = load.target === undefined
  if (created) await connection.query(createTable(load, plan.identity === true ? identityColumn(load) : undefined))
  const sums = WriteChecksums.of(plan, load)
  const stays = await takesWaiting(connection, plan, load)
  const send = (into?: string) =>
    stays
      ? moveWaiting(connection, load, plan.waiting!, signal, into)
      : sendRows(connection, load, source, signal, { observer: sums, writeBy, ...(into === undefined ? {} : { into }) })
  const done = await ROUTES[load.route]({ connection, plan, load, send, sums, signal })
  const key = created ? addPrimaryKey(load) : undefined
  if (key !== undefined) await connection.query(key)
  const { sent, duplicates, applied, rewrite = -1 } = done
  const expected = sent.rows - duplicates
  const counted = await countRows(connection, load, { applied, rewrite }, expected)
  if (sent.confirmed !== sent.rows || counted !== expected) {
    const problem = `${sent.rows} sent, ${sent.confirmed} confirmed, ${counted} in the target`
    const left = duplicates === 0 ? '' : `, ${duplicates} with the key of another row`
    throw new AirlockError('COUNT_MISMATCH', { phase: 'verify', params: { problem: `${problem}${left}` } })
  }
  if (load.key.length > 0) await sums?.checkMerged(connection)
  else await sums?.checkTable(connection, rewrite, signal)
  if (plan.identity === true) await advanceSequences(connection, plan, load)
  const changes: RowChanges = { ...applied, duplicates, rejected: sent.rejected }
  return {
    rowsSent: sent.rows + sent.rejected,
    rowsConfirmed: sent.confirmed,
    rowsCounted: counted,
    changes,
    ...(sums === undefined ? {} : { checksums: sums.digest() }),
    bytesSent: sent.bytes,
    created,
    route: done.route ?? load.route,
    policyCounts: { ...sent.policyCounts, ...done.policyCounts },
  }
}

interface Work {
  readonly connection: PostgresConnection
  readonly plan: WritePlan
  readonly load: LoadPlan
  readonly send: (into?: string) => Promise<Sent>
  readonly sums: WriteChecksums | undefined
  readonly signal: AbortSignal
}

interface Done {
  readonly sent: Sent
  readonly duplicates: number
  readonly applied: Applied
  /** The command that wrote rows of others anew; see `lastRewrite`. */
  readonly rewrite?: number
  /** Where it was not the load's. */
  readonly route?: string
  readonly policyCounts?: Readonly<Record<string, number>>
}

const ROUTES: Readonly<Record<LoadPlan['route'], (work: Work) => Promise<Done>>> = {
  create: loadDirectly,
  direct: loadDirectly,
  staged: loadStaged,
  swap: loadSwap,
}

async function loadDirectly({ send }: Work): Promise<Done> {
  const sent = await send()
  return { sent, duplicates: 0, applied: { inserted: sent.rows, updated: 0, deleted: 0, unchanged: 0 } }
}

async function loadSwap({ connection, plan, load, send }: Work): Promise<Done> {
  const target = load.target!
  await connection.query(createNewcomer(target))
  for (const statement of alterTable(newcomer(target), load.alters)) await connection.query(statement)
  const sent = await send(newcomer(target))
  const old = await countTable(connection, load.table)
  refuseDeletes(plan, old - sent.rows, old)
  await swapTables(connection, target, plan.table)
  return { sent, duplicates: 0, applied: { inserted: sent.rows, updated: 0, deleted: old, unchanged: 0 } }
}

async function loadStaged({ connection, plan, load, send, sums, signal }: Work): Promise<Done> {
  await connection.query(createStaging(load))
  const sent = await send()
  if (load.key.length > 0) await sums?.checkStaging(connection, signal)
  const duplicates = await settleDuplicates(connection, load)
  const rows = sent.rows - duplicates
  await refuseNullCursors(connection, load)
  if (load.target !== undefined) {
    // Rows came in while nobody waited; from here on others may read, and write after the commit.
    if (load.mode !== 'append') await connection.query(`LOCK TABLE ${load.table} IN SHARE ROW EXCLUSIVE MODE`)
    for (const statement of alterTable(load.table, load.alters)) await connection.query(statement)
  }
  const done = (applied: Applied, more: Partial<Done> = {}): Done => ({ sent, duplicates, applied, ...more })
  switch (load.mode) {
    case 'append': {
      const rewrite = await lastRewrite(connection, load)
      return done({ ...NOTHING, inserted: (await connection.query(appendStatement(load))).affected }, { rewrite })
    }
    case 'replace': {
      const old = await countTable(connection, load.table)
      refuseDeletes(plan, old - rows, old)
      return done(await applyReplace(connection, load, old))
    }
    case 'delete+insert':
      return await applyWindow(connection, plan, load, rows, done)
    case 'merge':
      await guardMerge(connection, plan, load)
      return done(await (load.strategy === 'scd2' ? applyHistory : applyMerge)(connection, load, rows))
  }
}

const NOTHING: Applied = { inserted: 0, updated: 0, deleted: 0, unchanged: 0 }

async function applyWindow(
  connection: PostgresConnection,
  plan: WritePlan,
  load: LoadPlan,
  rows: number,
  done: (applied: Applied, more?: Partial<Done>) => Done,
): Promise<Done> {
  // Nothing says what to delete, and there is nothing to insert.
  if (load.window === undefined && rows === 0) {
    return done(NOTHING, { route: 'nothing', policyCounts: { window_unknown: 1 } })
  }
  const statements = windowStatements(load)
  let deleted = 0
  if (load.target !== undefined) {
    const { text, values } = deletion(load)
    if (plan.maxDeleteRatio !== undefined) {
      const { rows: counts } = await connection.query(
        `SELECT count(*) FILTER (WHERE ${text}), count(*) FROM ${load.table}`,
        values,
      )
      refuseDeletes(plan, Number(counts[0]?.[0]) - rows, Number(counts[0]?.[1]))
    }
    deleted = (await connection.query(statements[0]!, values)).affected
  }
  const rewrite = await lastRewrite(connection, load)
  const inserted = (await connection.query(statements.at(-1)!)).affected
  const emptied = rows > 0 ? {} : { policyCounts: { window_emptied: deleted } }
  return done({ ...NOTHING, deleted, inserted }, { rewrite, ...emptied })
}

/** Of the merges only `scd2` with `absent_keys: close` takes keys away; the others put back what they delete. */
async function guardMerge(connection: PostgresConnection, plan: WritePlan, load: LoadPlan): Promise<void> {
  const closes = load.strategy === 'scd2' && load.policies.absent_keys === 'close' && load.target !== undefined
  if (plan.maxDeleteRatio === undefined || !closes) return
  const { rows } = await connection.query(countAbsent(load))
  refuseDeletes(plan, Number(rows[0]?.[0]), await countTable(connection, load.table))
}

/** Plans the load. For a replace other writers are kept out first, before the table is touched in any other way: two
 * sessions that had both looked into it could not both wait for the lock. Of two that would create one table the second
 * waits, and finds it. */
async function lockedPlan(
  connection: PostgresConnection,
  plan: WritePlan,
  columns: readonly Column[],
): Promise<LoadPlan> {
  const target = plan.mode === 'replace' ? await findTarget(connection, plan.table) : undefined
  if (target !== undefined) await connection.query(`LOCK TABLE ${target.sql} IN SHARE ROW EXCLUSIVE MODE`)
  const load = await planLoad(connection, plan, columns)
  if (load.target !== undefined) return load
  await connection.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [`airlock ${load.table}`])
  return (await findTarget(connection, plan.table)) === undefined ? load : await lockedPlan(connection, plan, columns)
}
