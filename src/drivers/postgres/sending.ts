import type { Batch } from '../../core/batch.js'
import { ContractFilter } from '../../core/contract-filter.js'
import { abortError } from '../../core/errors-at-boundary.js'
import { CopyTextEncoder } from './copy-encoder.js'
import type { CopyIn } from './copy-in.js'
import { KeyWatch } from './key-watch.js'
import type { LoadPlan } from './load-plan.js'
import type { PostgresConnection } from './native.js'
import { copyStatement } from './staging.js'

/** What went over the wire. */
export interface Sent {
  /** Rows encoded, and rows of the command tag. */
  readonly rows: number
  readonly confirmed: number
  readonly bytes: number
  /** Left out by the contract. */
  readonly rejected: number
  readonly policyCounts: Readonly<Record<string, number>>
}

/** What looks at the rows as they are sent. */
export interface RowObserver {
  add(batch: Batch): void
}

/** Sends all batches through one COPY, as the contract leaves them. Rejects with nothing of them kept. */
export async function sendRows(
  connection: PostgresConnection,
  load: LoadPlan,
  source: { readonly first: Batch; readonly rest: AsyncIterator<Batch> },
  signal: AbortSignal,
  options: { readonly into?: string; readonly observer?: RowObserver | undefined } = {},
): Promise<Sent> {
  const copy = connection.copyIn(copyStatement(load, options.into))
  const frames: Buffer[] = []
  const encoder = new CopyTextEncoder(load.columns, load.policies, (frame) => frames.push(frame))
  const filter = new ContractFilter(load.source, load.fates)
  const keys = new KeyWatch(load)
  const put = (batch: Batch): void => {
    const kept = filter.apply(batch)
    keys.check(kept)
    options.observer?.add(kept)
    encoder.encode(kept)
    kept.release?.()
  }
  const confirmed = await sendAll(copy, encoder, frames, put, source, signal)
  return {
    rows: encoder.rowsSent,
    confirmed,
    bytes: encoder.bytesSent,
    rejected: filter.rejected,
    policyCounts: {
      ...(encoder.nulBytes === 0 ? {} : { nul_bytes: encoder.nulBytes }),
      ...(filter.discarded === 0 ? {} : { discarded_values: filter.discarded }),
    },
  }
}

async function sendAll(
  copy: CopyIn,
  encoder: CopyTextEncoder,
  frames: Buffer[],
  put: (batch: Batch) => void,
  { first, rest }: { readonly first: Batch; readonly rest: AsyncIterator<Batch> },
  signal: AbortSignal,
): Promise<number> {
  await copy.ready
  const abort = () => copy.abandon()
  signal.addEventListener('abort', abort, { once: true })
  try {
    for (
      let next: IteratorResult<Batch> = { value: first };
      next.done !== true;
      next = await copy.unlessRefused(rest.next())
    ) {
      // A source that never waits would be read to its end before the server's answer is seen.
      if (signal.aborted) throw abortError(signal, 'write')
      put(next.value)
      await sendFrames(copy, encoder, frames)
    }
    encoder.flush()
    await sendFrames(copy, encoder, frames)
    copy.finish()
    return await copy.done
  } catch (error) {
    copy.abandon()
    // Rejects when the server has dropped the rows; which error it gives for that is of no interest.
    await copy.done.then(undefined, () => undefined)
    throw error
  } finally {
    signal.removeEventListener('abort', abort)
  }
}

async function sendFrames(copy: CopyIn, encoder: CopyTextEncoder, frames: Buffer[]): Promise<void> {
  for (const frame of frames.splice(0)) {
    if (!copy.send(frame, () => encoder.recycle(frame))) await copy.drained()
  }
}
