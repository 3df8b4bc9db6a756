import type { Batch } from '../core/batch.js'
import type { Extraction, WriteReceipt } from '../core/driver.js'
import type { ManagedSession } from '../core/managed-session.js'
import { type MaskedExtraction, maskExtraction } from '../core/mask-batches.js'
import { AirlockError } from '../errors/index.js'
import type { StreamReport } from './report.js'
import type { StreamPlan } from './stream-plan.js'

/** How far a stream is. */
export interface Progress {
  readonly stream: string
  readonly rows: number
  readonly bytes: number
  readonly estimatedRows: number | undefined
  readonly seconds: number
}

export type VerifyKind = 'none' | 'count'

/** What a stream is given to run with. */
export interface StreamRun {
  readonly source: ManagedSession
  readonly target: ManagedSession
  readonly verify: VerifyKind
  readonly signal: AbortSignal
  readonly onProgress: ((progress: Progress) => void) | undefined
}

/** Moves one stream: extract → mask → write → verify → commit. The counts of every station must agree before the commit,
 * or the write is rolled back (COUNT_MISMATCH). Throws AirlockError; nothing of the stream is then in the target. */
export async function runStream(plan: StreamPlan, run: StreamRun): Promise<StreamReport> {
  const started = performance.now()
  const extraction = run.source.extract(plan.request, run.signal)
  const masked = maskExtraction(extraction, plan.stream.mask, plan.mask)
  const seen = { rows: 0, bytes: 0, batches: 0 }
  const batches = observed(masked, seen, plan, run.onProgress)
  const receipt = await run.target.write(
    {
      ...plan.write,
      beforeCommit: (counts) => {
        if (run.verify === 'count') compareCounts(extraction, masked, counts)
      },
    },
    batches,
    run.signal,
  )
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
    bytes: receipt.bytesSent,
    seconds: secondsSince(started),
    masked_columns: plan.maskedColumns,
    policies: { ...extraction.policyCounts, ...receipt.policyCounts },
    verification: { kind: run.verify, ok: true },
    error: null,
  }
}

function compareCounts(read: Extraction, masked: MaskedExtraction, receipt: WriteReceipt): void {
  if (read.rowsRead === masked.rowsMasked && read.rowsRead === receipt.rowsSent) return
  const problem = `${read.rowsRead} read, ${masked.rowsMasked} masked, ${receipt.rowsSent} sent`
  throw new AirlockError('COUNT_MISMATCH', { phase: 'verify', params: { problem } })
}

async function* observed(
  batches: AsyncIterable<Batch>,
  seen: { rows: number; bytes: number; batches: number },
  plan: StreamPlan,
  onProgress: ((progress: Progress) => void) | undefined,
): AsyncGenerator<Batch, void, undefined> {
  const started = performance.now()
  for await (const batch of batches) {
    seen.rows += batch.rowCount
    seen.bytes += batch.data.byteLength
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
