import type { RowChanges, WritePlan, WriteReceipt } from '../../../core/driver.js'
import type { RowChecksums } from '../../../core/row-checksums.js'
import { AirlockError } from '../../../errors/index.js'
import type { MysqlConnection } from '../native.js'
import { quoteName } from '../sql.js'
import { applyHistory, countAbsent } from './apply-history.js'
import { type Applied, applyMerge, NOTHING } from './apply-merge.js'
import { applyWindow, deletion, refuseNullCursors } from './apply-window.js'
import { countKeys, countTable } from './count-rows.js'
import { refuseDeletes } from './delete-limit.js'
import { alterTable } from './evolve.js'
import { type LoadPlan, VALID_TO } from './load-plan.js'
import { compareChecksums, readChecksums } from './read-back.js'
import type { Transport } from './row-sender.js'
import { type Sent, type Source, sendRows } from './sending.js'
import {
  createStaging,
  createTable,
  dropStaging,
  insertInto,
  sameKey,
  selectStaged,
  settleDuplicates,
  stagingTable,
} from './staging.js'
import { swapNames } from './swap.js'
import { moveWaiting, takesWaiting } from './waiting-rows.js'

/** What a load works with. `transaction` begins the one transaction of the write; what comes before it is DDL, and the
 * session's own temporary table. */
export interface Load {
  readonly connection: MysqlConnection
  readonly plan: WritePlan
  readonly load: LoadPlan
  readonly source: Source
  readonly transport: Transport
  readonly signal: AbortSignal
  /** Runs DDL that a failure has to undo where `undo` says how. */
  define(statement: string, undo?: string): Promise<void>
  transaction(): Promise<void>
}

/** Loads and applies the rows of a write, leaving its transaction open; what it returns was counted inside. Throws
 * COUNT_MISMATCH and CHECKSUM_MISMATCH where two ends differ. */
export async function loadRows(work: Load): Promise<WriteReceipt> {
  const { load, plan } = work
  const done = await (load.route === 'staged' ? loadStaged(work) : loadDirectly(work))
  const { sent, duplicates, applied } = done
  const expected = sent.rows - duplicates
  if (sent.confirmed !== sent.rows || done.counted !== expected) {
    const left = duplicates === 0 ? '' : `, ${duplicates} with the key of another row`
    const problem = `${sent.rows} sent, ${sent.confirmed} confirmed, ${done.counted} in the target${left}`
    throw new AirlockError('COUNT_MISMATCH', { phase: 'verify', params: { problem } })
  }
  const changes: RowChanges = { ...applied, duplicates, rejected: sent.rejected }
  const checksums = plan.checksum === true ? await verifyContent(work, done) : undefined
  return {
    rowsSent: sent.rows + sent.rejected,
    rowsConfirmed: sent.confirmed,
    rowsCounted: done.counted,
    changes,
    ...(checksums === undefined ? {} : { checksums }),
    bytesSent: sent.bytes,
    created: load.target === undefined,
    route: done.route ?? load.route,
    policyCounts: { ...sent.policyCounts, ...done.policyCounts },
  }
}

interface Done {
  readonly sent: Sent
  readonly duplicates: number
  readonly applied: Applied
  readonly counted: number
  /** Where the rows of this write are, as what follows FROM, with `t` for the target. */
  readonly rowsOfWrite: string
  /** What is compared with the rows in the target, where it is not all that was sent. */
  readonly reference?: RowChecksums
  /** Some staged rows are not in the target, because it had others of their key. */
  readonly kept?: boolean
  readonly route?: string
  readonly policyCounts?: Readonly<Record<string, number>>
}

async function createOrAlter({ load, plan, define }: Load, table = load.table): Promise<void> {
  if (load.target === undefined)
    await define(createTable(load, plan.identity === true), `DROP TABLE IF EXISTS ${table}`)
  for (const statement of alterTable(table, load.alters)) await define(statement)
}

/** Over the wire, or by the server alone out of tables of its own. */
async function sendInto({ connection, plan, load, source, transport, signal }: Load, into: string): Promise<Sent> {
  if (await takesWaiting(connection, plan, load))
    return await moveWaiting(connection, load, plan.waiting!, into, signal)
  return await sendRows(connection, load, source, signal, { into, transport, checksum: plan.checksum === true })
}

/** `create`, `direct` and `swap`: the rows go where they stay. */
async function loadDirectly(work: Load): Promise<Done> {
  const { connection, plan, load } = work
  const into = load.route === 'swap' ? swapNames(load.target!).next : load.table
  await createOrAlter(work, into)
  await work.transaction()
  const replaces = load.mode === 'replace' && load.target !== undefined
  // A consistent read: rows that others add meanwhile are in neither count.
  const before = load.route === 'create' ? 0 : await countTable(connection, load.table)
  const deleted =
    replaces && load.route === 'direct' ? (await connection.execute(`DELETE FROM ${load.table}`)).affectedRows : 0
  const sent = await sendInto(work, into)
  if (replaces) refuseDeletes(plan, before - sent.rows, before)
  const after = await countTable(connection, into)
  const gone = load.route === 'swap' ? before : deleted
  return {
    sent,
    duplicates: 0,
    applied: { ...NOTHING, inserted: sent.rows, deleted: gone },
    counted: load.mode === 'append' ? after - before : after,
    rowsOfWrite: `${into} AS t`,
  }
}

async function loadStaged(work: Load): Promise<Done> {
  const { connection, plan, load } = work
  await connection.execute(dropStaging(load))
  await connection.execute(createStaging(load))
  const sent = await sendInto(work, stagingTable(load))
  const staged = async () =>
    sent.checksums && (await readChecksums(connection, sent.slots, sent.stored, `${stagingTable(load)} AS t`))
  const arrived = await staged()
  if (arrived !== undefined) compareChecksums(sent.checksums!, arrived)
  const duplicates = await settleDuplicates(connection, load)
  // Rows that lost to another one of their key are not in the target.
  const reference = duplicates === 0 ? arrived : await staged()
  const rows = sent.rows - duplicates
  await refuseNullCursors(connection, load)
  const condition = load.mode === 'delete+insert' ? await deletion(connection, load) : undefined
  await createOrAlter(work)
  await work.transaction()
  const done = (applied: Applied, counted: number, rowsOfWrite: string, more: Partial<Done> = {}): Done => ({
    ...{ sent, duplicates, applied, counted, rowsOfWrite, ...more },
    ...(reference === undefined ? {} : { reference }),
  })
  if (load.mode === 'append') {
    const { affectedRows } = await connection.execute(`${insertInto(load)} ${selectStaged(load)}`)
    const counted = await countTable(connection, stagingTable(load))
    return done(
      { ...NOTHING, inserted: affectedRows },
      counted === affectedRows ? counted : 0,
      `${stagingTable(load)} AS t`,
    )
  }
  if (load.mode === 'delete+insert') {
    // Nothing says what to delete, and there is nothing to insert.
    if (condition === undefined) {
      return done(NOTHING, 0, `${stagingTable(load)} AS t`, { route: 'nothing', policyCounts: { window_unknown: 1 } })
    }
    const applied = await applyWindow(connection, plan, load, condition, rows)
    const inside = await countTable(connection, load.table, condition)
    const outside = await countTable(connection, stagingTable(load), `NOT (${condition}) OR (${condition}) IS NULL`)
    const policyCounts = {
      ...(rows > 0 ? {} : { window_emptied: applied.deleted }),
      ...(outside > 0 ? { window_missed: outside } : {}),
    }
    const from = outside > 0 ? `${stagingTable(load)} AS t` : `${load.table} AS t WHERE ${condition}`
    return done(applied, inside + outside, from, { policyCounts })
  }
  await guardAbsent(work)
  const applied = await (load.strategy === 'scd2' ? applyHistory : applyMerge)(connection, load, rows)
  const current = load.strategy === 'scd2' ? ` AND t.${quoteName(VALID_TO)} IS NULL` : ''
  const mine = `${stagingTable(load)} AS s JOIN ${load.table} AS t ON ${sameKey(load)}${current}`
  const kept = load.strategy === 'insert-only' && applied.unchanged > 0
  return done(applied, await countKeys(connection, load), mine, { kept })
}

/** Of the merges only `scd2` with `absent_keys: close` takes keys away; the others put back what they delete. */
async function guardAbsent({ connection, plan, load }: Load): Promise<void> {
  const closes = load.strategy === 'scd2' && load.policies.absent_keys === 'close' && load.target !== undefined
  if (plan.maxDeleteRatio === undefined || !closes) return
  const { rows } = await connection.query(countAbsent(load))
  refuseDeletes(plan, Number(rows[0]?.[0]), Number(rows[0]?.[1]))
}

/** Reads the rows back from the target and compares. */
async function verifyContent({ connection }: Load, done: Done): Promise<Readonly<Record<string, string>>> {
  const { sent, reference = sent.checksums! } = done
  const digest = sent.checksums!.digest()
  // Of `insert-only` the rows whose key was there are not in the target; that they arrived has been seen.
  if (done.route === 'nothing' || done.kept === true) return digest
  compareChecksums(reference, await readChecksums(connection, sent.slots, sent.stored, done.rowsOfWrite))
  return digest
}
