import type { WriteReceipt } from '../core/driver.js'
import type { ManagedSession } from '../core/managed-session.js'
import { maskExtraction } from '../core/mask-batches.js'
import { AirlockError } from '../errors/index.js'
import { finishedRows, type Ledger, rangeAt, rangeCount } from './resume-ledger.js'
import type { ResumePlan } from './resume-plan.js'
import {
  compareCounts,
  observed,
  requireChecksums,
  type StreamOutcome,
  type StreamRun,
  secondsSince,
} from './run-stream.js'
import type { StreamPlan } from './stream-plan.js'

/** What a resumable stream is given to run with. */
export interface ResumableRun extends StreamRun {
  /** Lends a second session of the target, which reads what waits while the first writes it. */
  secondTarget<T>(work: (reader: ManagedSession) => Promise<T>): Promise<T>
}

/** What this run has read of the source. */
interface Tally {
  rowsRead: number
  rowsMasked: number
  readonly policies: Record<string, number>
}

/** Moves one stream in two steps. Each range that is missing goes into the staging table, with its entry in the ledger in
 * the same transaction. When all are there, one write takes them into the real table by the stream's mode; until that
 * commits the target is what it was. The rows that it reads must be as many as the ledger says (COUNT_MISMATCH). */
export async function runResumable(plan: StreamPlan, resume: ResumePlan, run: ResumableRun): Promise<StreamOutcome> {
  const started = performance.now()
  const { target, signal } = run
  const tally: Tally = { rowsRead: 0, rowsMasked: 0, policies: {} }
  for (const { key, table } of resume.abandoned) {
    if (table !== undefined) await target.dropStaging(table, signal)
    await target.resetState(key, signal)
  }
  let { ledger } = resume
  const skipped = ledger.finished.length
  // A table without a ledger holds rows that nobody has counted.
  if (skipped === 0) await target.dropStaging(ledger.table, signal)
  let checked = skipped > 0
  if (checked) await checkFit(plan, ledger, run)
  for (let range = 0; range < rangeCount(ledger); range++) {
    if (ledger.finished.some((entry) => entry.range === range)) continue
    ledger = await loadRange(plan, resume, ledger, range, run, tally)
    if (!checked) await checkFit(plan, ledger, run)
    checked = true
  }
  const receipt = await writeStaged(plan, resume, ledger, run)
  const left = await forget(resume, ledger, run)
  add(tally.policies, receipt.policyCounts)
  const seconds = secondsSince(started)
  return {
    stream: plan.stream.name,
    status: 'ok',
    mode: plan.write.mode,
    route: receipt.route,
    rows_read: tally.rowsRead,
    rows_masked: tally.rowsMasked,
    bytes_read: run.seen.bytes,
    batches: run.seen.batches,
    rows_sent: receipt.rowsSent,
    rows_confirmed: receipt.rowsConfirmed,
    rows_written: receipt.rowsCounted,
    rows_rejected: receipt.changes?.rejected ?? 0,
    changes: receipt.changes ?? null,
    bytes: receipt.bytesSent,
    seconds,
    rows_per_second: seconds > 0 ? Math.round(receipt.rowsCounted / seconds) : null,
    masked_columns: plan.maskedColumns,
    policies: tally.policies,
    verification: { kind: run.verify, ok: true },
    checksums: receipt.checksums ?? null,
    state: null,
    ranges: { total: rangeCount(ledger), skipped },
    notes: left === undefined ? plan.notes : [...plan.notes, left],
    error: null,
  }
}

/** One range: source → masks → staging table, and its entry in the ledger. */
async function loadRange(
  plan: StreamPlan,
  resume: ResumePlan,
  ledger: Ledger,
  range: number,
  run: ResumableRun,
  tally: Tally,
): Promise<Ledger> {
  const extraction = run.source.extract({ ...plan.request, range: rangeAt(ledger, range) }, run.signal)
  const masked = maskExtraction(extraction, plan.stream.mask, plan.mask)
  const before = run.seen.bytes
  const after = (): Ledger => ({
    ...ledger,
    finished: [...ledger.finished, { range, rows: extraction.rowsRead, bytes: run.seen.bytes - before }],
  })
  const receipt = await run.target.write(
    {
      table: ledger.table,
      mode: 'append',
      primaryKey: [ledger.column],
      policies: plan.stream.policies,
      ...(plan.write.checksum === true ? { checksum: true } : {}),
      state: { key: resume.key, value: () => JSON.stringify(after()) },
      beforeCommit: (counts) => {
        if (run.verify !== 'none') compareCounts(extraction, masked, counts)
        if (run.verify === 'checksum') requireChecksums(counts, run.target)
      },
    },
    observed(masked, run.seen, plan, run.onProgress),
    run.signal,
  )
  tally.rowsRead += extraction.rowsRead
  tally.rowsMasked += masked.rowsMasked
  add(tally.policies, extraction.policyCounts)
  add(tally.policies, receipt.policyCounts)
  return after()
}

/** What waits has the types of the target, which may fit the real table less well than those of the source: better known
 * after one range than after all. Throws what planning a write throws. */
async function checkFit(plan: StreamPlan, { table }: Ledger, { target, signal }: ResumableRun): Promise<void> {
  const { columns } = await target.describe({ table, policies: stagedPolicies(plan, target) }, signal)
  await target.outline(plan.write, columns, signal)
}

/** What types mean in a table that Airlock has created itself, where the same type can also mean another: MySQL's
 * `tinyint(1)` was a boolean, and `binary(16)` a uuid. */
const STAGED_TYPES = { tinyint1: 'boolean', binary16: 'uuid' } as const

function stagedPolicies(plan: StreamPlan, reader: ManagedSession): Readonly<Record<string, string>> {
  const own = Object.entries(STAGED_TYPES).filter(([name]) => Object.hasOwn(reader.policies, name))
  return { ...plan.stream.policies, ...Object.fromEntries(own) }
}

/** Everything that waits into the real table, in one transaction that also marks the ledger: a run that dies right after
 * it must not write the same rows once more. */
function writeStaged(plan: StreamPlan, resume: ResumePlan, ledger: Ledger, run: ResumableRun): Promise<WriteReceipt> {
  const expected = finishedRows(ledger)
  const done: Ledger = { ...ledger, finished: [], done: true }
  return run.secondTarget(async (reader) => {
    const staged = reader.extract({ table: ledger.table, policies: stagedPolicies(plan, reader) }, run.signal)
    return await run.target.write(
      {
        ...plan.write,
        state: { key: resume.key, value: () => JSON.stringify(done) },
        beforeCommit: (counts) => {
          compareStaged(expected, staged.rowsRead, counts.rowsSent)
          if (run.verify === 'checksum') requireChecksums(counts, run.target)
        },
      },
      staged,
      run.signal,
    )
  })
}

function compareStaged(expected: number, read: number, sent: number): void {
  if (expected === read && read === sent) return
  const problem = `the finished ranges had ${expected} rows, ${read} wait and ${sent} were sent; \`airlock state reset\` begins anew`
  throw new AirlockError('COUNT_MISMATCH', { phase: 'verify', params: { problem } })
}

/** The rows are committed, so that a failure here changes no outcome: the next run finds the mark, and drops the table. */
async function forget({ key }: ResumePlan, { table }: Ledger, run: ResumableRun): Promise<string | undefined> {
  try {
    await run.target.dropStaging(table, run.signal)
    await run.target.resetState(key, run.signal)
    return undefined
  } catch (error) {
    if (!(error instanceof AirlockError)) throw error
    return `the staging table is left to the next run (${error.code})`
  }
}

function add(sum: Record<string, number>, counts: Readonly<Record<string, number>>): void {
  for (const [name, count] of Object.entries(counts)) sum[name] = (sum[name] ?? 0) + count
}
