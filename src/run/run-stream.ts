import type { Batch } from '../core/batch.js'
import type { Extraction, StateKey, WriteReceipt } from '../core/driver.js'
import type { ManagedSession } from '../core/managed-session.js'
import { type MaskedExtraction, maskExtraction } from '../core/mask-batches.js'
import { AirlockError } from '../errors/index.js'
import { type Incremental, nextState } from './incremental.js'
import type { StreamReport } from './report.js'
import type { StatePort } from './state-store.js'
import type { StreamPlan } from './stream-plan.js'

/** How far a stream is. */
export interface Progress {
  readonly stream: string
  readonly rows: number
  readonly bytes: number
  readonly estimatedRows: number | undefined
  readonly seconds: number
}

export type VerifyKind = 'none' | 'count' | 'checksum'

/** What a stream is given to run with. */
export interface StreamRun {
  readonly runId: string
  readonly pipeline: string
  readonly home: StatePort
  readonly source: ManagedSession
  readonly target: ManagedSession
  readonly verify: VerifyKind
  readonly signal: AbortSignal
  readonly onProgress: ((progress: Progress) => void) | undefined
  /** Counted up as batches pass, so that an attempt that fails can be reported too. */
  readonly seen: Seen
}

/** What one attempt at a stream came to; the caller adds how many it took. */
export type StreamOutcome = Omit<StreamReport, 'attempts'>

/** What came out of the masks so far. */
export interface Seen {
  rows: number
  bytes: number
  batches: number
}

/** Moves one stream: extract → mask → write → verify → commit. The counts of every station must agree before the commit,
 * or the write is rolled back (COUNT_MISMATCH). Throws AirlockError; nothing of the stream is then in the target. */
export async function runStream(plan: StreamPlan, run: StreamRun): Promise<StreamOutcome> {
  const started = performance.now()
  const { incremental } = plan
  const extraction = run.source.extract(plan.request, run.signal)
  const masked = maskExtraction(extraction, plan.stream.mask, plan.mask)
  const { seen } = run
  const batches = observed(masked, seen, plan, run.onProgress)
  const key = { pipeline: run.pipeline, stream: plan.stream.name }
  const next = () => incremental && nextState(incremental, extraction.cursor, plan.write.mode === 'append', run.runId)
  const value = () => {
    const state = next()
    return state === undefined ? undefined : JSON.stringify(state)
  }
  const receipt = await run.target.write(
    {
      ...plan.write,
      ...(incremental?.place === 'target' ? { state: { key, value } } : {}),
      beforeCommit: (counts) => {
        if (incremental !== undefined) requirePosition(incremental, extraction)
        if (run.verify !== 'none') compareCounts(extraction, masked, counts)
        if (run.verify === 'checksum') requireChecksums(counts, run.target)
      },
    },
    batches,
    run.signal,
  )
  const after = next()
  if (incremental?.place === 'home' && after !== undefined) await saveAtHome(run.home, key, JSON.stringify(after))
  const seconds = secondsSince(started)
  return {
    stream: plan.stream.name,
    status: 'ok',
    mode: plan.write.mode,
    route: receipt.route,
    rows_read: extraction.rowsRead,
    rows_masked: masked.rowsMasked,
    bytes_read: seen.bytes,
    batches: seen.batches,
    rows_sent: receipt.rowsSent,
    rows_confirmed: receipt.rowsConfirmed,
    rows_written: receipt.rowsCounted,
    rows_rejected: receipt.changes?.rejected ?? 0,
    changes: receipt.changes ?? null,
    bytes: receipt.bytesSent,
    seconds,
    rows_per_second: seconds > 0 ? Math.round(receipt.rowsCounted / seconds) : null,
    masked_columns: plan.maskedColumns,
    policies: { ...extraction.policyCounts, ...receipt.policyCounts },
    verification: { kind: run.verify, ok: true },
    checksums: receipt.checksums ?? null,
    state:
      incremental === undefined
        ? null
        : {
            cursor: incremental.cursor.name,
            kept_in: incremental.place,
            before: incremental.before?.value ?? null,
            after: after?.value ?? incremental.before?.value ?? null,
          },
    ranges: null,
    notes: plan.notes,
    error: null,
  }
}

async function saveAtHome(home: StatePort, key: StateKey, value: string): Promise<void> {
  try {
    await home.save(key, value)
  } catch {
    throw new AirlockError('STATE_NOT_SAVED', { phase: 'run' })
  }
}

/** A source that read rows and does not say how far it came has not understood what it was asked for. Rows of the lag and
 * those without a cursor value lie behind what was seen before. */
function requirePosition({ start }: Incremental, read: Extraction): void {
  if (read.cursor !== undefined || read.rowsRead === 0 || start.nulls === 'include') return
  if (start.from !== undefined && (start.lag ?? 0) > 0) return
  const problem = 'the source did not say how far it read'
  throw new AirlockError('UNSUPPORTED', { phase: 'verify', params: { problem } })
}

/** What was asked to be compared and was not is no success. */
export function requireChecksums(receipt: WriteReceipt, target: ManagedSession): void {
  if (receipt.checksums !== undefined) return
  const problem = `${target.family} does not read back what it wrote; use --verify count, and \`airlock verify\` later`
  throw new AirlockError('UNSUPPORTED', { phase: 'verify', params: { problem } })
}

/** Throws COUNT_MISMATCH where the stations of a read and a write saw different numbers of rows. */
export function compareCounts(read: Extraction, masked: MaskedExtraction, receipt: WriteReceipt): void {
  if (read.rowsRead === masked.rowsMasked && read.rowsRead === receipt.rowsSent) return
  const problem = `${read.rowsRead} read, ${masked.rowsMasked} masked, ${receipt.rowsSent} sent`
  throw new AirlockError('COUNT_MISMATCH', { phase: 'verify', params: { problem } })
}

/** The batches on their way to the target, counted, each told to `onProgress`. */
export async function* observed(
  batches: AsyncIterable<Batch>,
  seen: Seen,
  plan: StreamPlan,
  onProgress: ((progress: Progress) => void) | undefined,
): AsyncGenerator<Batch, void, undefined> {
  const started = performance.now()
  for await (const batch of batches) {
    seen.rows += batch.rowCount
    // Rows that are handed over unparsed stay so.
    seen.bytes += batch.raw === undefined ? batch.data.byteLength : batch.byteLength
    seen.batches++
    onProgress?.({
      stream: plan.stream.name,
      rows: seen.rows,
      bytes: seen.bytes,
      estimatedRows: plan.estimatedRows,
      seconds: secondsSince(started),
    })
    yield batch
  }
}

/** Seconds since a `performance.now()`, to the millisecond. */
export function secondsSince(started: number): number {
  return Math.round(performance.now() - started) / 1000
}
