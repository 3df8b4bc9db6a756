import { AirlockError } from '../errors/index.js'
import {
  addCounts,
  checkFit,
  type LoadedPart,
  loadPart,
  type PartsRun,
  partsOutcome,
  type Tally,
  writeParts,
} from './load-parts.js'
import { finishedRows, type Ledger, rangeAt, rangeCount } from './resume-ledger.js'
import type { ResumePlan } from './resume-plan.js'
import { type StreamOutcome, secondsSince } from './run-stream.js'
import type { StreamPlan } from './stream-plan.js'

/** Moves one stream in two steps. Each range that is missing goes into the staging table, with its entry in the ledger in
 * the same transaction. When all are there, one write takes them into the real table by the stream's mode; until that
 * commits the target is what it was. The rows that it reads must be as many as the ledger says (COUNT_MISMATCH). */
export async function runResumable(plan: StreamPlan, resume: ResumePlan, run: PartsRun): Promise<StreamOutcome> {
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
  if (checked) await checkFit(plan, ledger.table, run)
  for (let range = 0; range < rangeCount(ledger); range++) {
    if (ledger.finished.some((entry) => entry.range === range)) continue
    ledger = await loadRange(plan, resume, ledger, range, run, tally)
    if (!checked) await checkFit(plan, ledger.table, run)
    checked = true
  }
  // The write marks the ledger too: a run that dies right after it must not write the same rows once more.
  const done: Ledger = { ...ledger, finished: [], done: true }
  const receipt = await writeParts(plan, [{ table: ledger.table, rows: finishedRows(ledger) }], run, {
    state: { key: resume.key, value: () => JSON.stringify(done) },
  })
  const left = await forget(resume, ledger, run)
  addCounts(tally.policies, receipt.policyCounts)
  return partsOutcome(plan, receipt, {
    rows_read: tally.rowsRead,
    rows_masked: tally.rowsMasked,
    bytes_read: run.seen.bytes,
    batches: run.seen.batches,
    seconds: secondsSince(started),
    policies: tally.policies,
    verification: { kind: run.verify, ok: true },
    ranges: { total: rangeCount(ledger), skipped },
    notes: left === undefined ? plan.notes : [...plan.notes, left],
  })
}

/** One range, with its entry in the ledger in the same transaction. */
async function loadRange(
  plan: StreamPlan,
  resume: ResumePlan,
  ledger: Ledger,
  range: number,
  run: PartsRun,
  tally: Tally,
): Promise<Ledger> {
  const after = (loaded: LoadedPart): Ledger => ({ ...ledger, finished: [...ledger.finished, { range, ...loaded }] })
  const state = { key: resume.key, value: (loaded: LoadedPart) => JSON.stringify(after(loaded)) }
  return after(await loadPart(plan, { range: rangeAt(ledger, range), table: ledger.table, state }, run, tally))
}

/** The rows are committed, so that a failure here changes no outcome: the next run finds the mark, and drops the table. */
async function forget({ key }: ResumePlan, { table }: Ledger, run: PartsRun): Promise<string | undefined> {
  try {
    await run.target.dropStaging(table, run.signal)
    await run.target.resetState(key, run.signal)
    return undefined
  } catch (error) {
    if (!(error instanceof AirlockError)) throw error
    return `the staging table is left to the next run (${error.code})`
  }
}
