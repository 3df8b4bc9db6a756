import type { Batch } from '../../../core/batch.js'
import { ContractFilter } from '../../../core/contract-filter.js'
import { abortError } from '../../../core/errors-at-boundary.js'
import type { PostgresConnection } from '../native.js'
import { RAW_BINARY } from '../read/raw-formats.js'
import { RowRelay, relayFormats } from '../read/relay.js'
import { CopyTextEncoder } from './copy-encoder.js'
import type { CopyIn } from './copy-in.js'
import { KeyWatch } from './key-watch.js'
import type { LoadPlan } from './load-plan.js'
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

/** What looks at the rows as they are sent, and takes NULs out of them first. */
export interface RowObserver {
  readonly nuls: { readonly count: number }
  add(batch: Batch): Batch
}

/** Sends all batches through one COPY, as the contract leaves them. Rejects with nothing of them kept. */
export async function sendRows(
  connection: PostgresConnection,
  load: LoadPlan,
  source: { readonly first: Batch; readonly rest: AsyncIterator<Batch> },
  signal: AbortSignal,
  options: { readonly into?: string; readonly observer?: RowObserver | undefined } = {},
): Promise<Sent> {
  const { raw } = source.first
  // Rows of the right format need no look into them; asked again here, because the target may have changed since the plan.
  const passes = raw !== undefined && options.observer === undefined && relayFormats(load).includes(raw.format)
  const relay = passes ? new RowRelay(raw.format) : undefined
  const binary = relay?.format === RAW_BINARY
  const copy = connection.copyIn(copyStatement(load, options.into, { binary }))
  if (relay !== undefined) {
    const confirmed = await sendAll(copy, (batch) => relayRows(copy, relay, batch), source, signal)
    return { rows: relay.rowsSent, confirmed, bytes: relay.bytesSent, rejected: 0, policyCounts: {} }
  }
  const frames: Buffer[] = []
  const encoder = new CopyTextEncoder(load.columns, load.policies, (frame) => frames.push(frame))
  const filter = new ContractFilter(load.source, load.fates)
  const keys = new KeyWatch(load)
  const put = async (batch: Batch | undefined): Promise<void> => {
    if (batch === undefined) encoder.flush()
    else encode(batch)
    await sendFrames(copy, encoder, frames)
  }
  const encode = (batch: Batch): void => {
    const kept = filter.apply(batch)
    keys.check(kept)
    encoder.encode(options.observer?.add(kept) ?? kept)
    kept.release?.()
  }
  const confirmed = await sendAll(copy, put, source, signal)
  const nulBytes = encoder.nulBytes + (options.observer?.nuls.count ?? 0)
  return {
    rows: encoder.rowsSent,
    confirmed,
    bytes: encoder.bytesSent,
    rejected: filter.rejected,
    policyCounts: {
      ...(nulBytes === 0 ? {} : { nul_bytes: nulBytes }),
      ...(filter.discarded === 0 ? {} : { discarded_values: filter.discarded }),
    },
  }
}

/** `put` is called once more without a batch, when there are no more. */
async function sendAll(
  copy: CopyIn,
  put: (batch: Batch | undefined) => Promise<void>,
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
      await put(next.value)
    }
    await put(undefined)
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

async function relayRows(copy: CopyIn, relay: RowRelay, batch: Batch | undefined): Promise<void> {
  if (batch !== undefined && !copy.relay(relay.take(batch))) await copy.drained()
}

async function sendFrames(copy: CopyIn, encoder: CopyTextEncoder, frames: Buffer[]): Promise<void> {
  for (const frame of frames.splice(0)) {
    if (!copy.send(frame, () => encoder.recycle(frame))) await copy.drained()
  }
}
