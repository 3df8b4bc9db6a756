import type { Batch } from '../../../core/batch.js'
import { ContractFilter } from '../../../core/contract-filter.js'
import { abortError } from '../../../core/errors-at-boundary.js'
import type { PostgresConnection } from '../native.js'
import { RAW_BINARY } from '../read/raw-formats.js'
import { RowRelay, relayFormats } from '../read/relay.js'
import { agreedForms } from './binary/agreed-forms.js'
import type { CopyIn } from './copy-in.js'
import { CopySeries } from './copy-series.js'
import { KeyWatch } from './key-watch.js'
import type { LoadPlan } from './load-plan.js'
import { RowSender } from './row-sender.js'
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

/** `binary` where every column has that form; `text` always, for tests. */
export type WriteBy = 'binary' | 'text'

/** Sends all batches through one COPY, as the contract leaves them. Rejects with nothing of them kept. */
export async function sendRows(
  connection: PostgresConnection,
  load: LoadPlan,
  source: { readonly first: Batch; readonly rest: AsyncIterator<Batch> },
  signal: AbortSignal,
  options: {
    readonly into?: string
    readonly observer?: RowObserver | undefined
    readonly writeBy?: WriteBy
  } = {},
): Promise<Sent> {
  const { raw } = source.first
  // Rows of the right format need no look into them; asked again here, because the target may have changed since the plan.
  const passes = raw !== undefined && options.observer === undefined && relayFormats(load).includes(raw.format)
  const relay = passes ? new RowRelay(raw.format) : undefined
  const open = (text: string) => connection.copyIn(text)
  const textCopy = copyStatement(load, options.into)
  if (relay !== undefined) {
    const copies = new CopySeries(open, copyStatement(load, options.into, { binary: relay.format === RAW_BINARY }))
    const confirmed = await sendAll(copies, (batch) => relayRows(copies.current, relay, batch), source, signal)
    return { rows: relay.rowsSent, confirmed, bytes: relay.bytesSent, rejected: 0, policyCounts: {} }
  }
  const forms = options.writeBy === 'text' ? undefined : await agreedForms(connection, load)
  const copies = new CopySeries(open, copyStatement(load, options.into, { binary: forms !== undefined }))
  const sender = new RowSender(load, forms, copies, textCopy)
  const filter = new ContractFilter(load.source, load.fates)
  const keys = new KeyWatch(load)
  const put = async (batch: Batch | undefined): Promise<void> => {
    if (batch === undefined) return await sender.end()
    const kept = filter.apply(batch)
    keys.check(kept)
    await sender.put(options.observer?.add(kept) ?? kept)
  }
  const confirmed = await sendAll(copies, put, source, signal)
  const nulBytes = sender.nulBytes + (options.observer?.nuls.count ?? 0)
  return {
    rows: sender.rows,
    confirmed,
    bytes: sender.bytes,
    rejected: filter.rejected,
    policyCounts: {
      ...(nulBytes === 0 ? {} : { nul_bytes: nulBytes }),
      ...(filter.discarded === 0 ? {} : { discarded_values: filter.discarded }),
    },
  }
}

/** `put` is called once more without a batch, when there are no more. */
async function sendAll(
  copies: CopySeries,
  put: (batch: Batch | undefined) => Promise<void>,
  { first, rest }: { readonly first: Batch; readonly rest: AsyncIterator<Batch> },
  signal: AbortSignal,
): Promise<number> {
  await copies.current.ready
  const abort = () => copies.current.abandon()
  signal.addEventListener('abort', abort, { once: true })
  try {
    for (
      let next: IteratorResult<Batch> = { value: first };
      next.done !== true;
      next = await copies.current.unlessRefused(rest.next())
    ) {
      // A source that never waits would be read to its end before the server's answer is seen.
      if (signal.aborted) throw abortError(signal, 'write')
      await put(next.value)
    }
    await put(undefined)
    return await copies.finish()
  } catch (error) {
    await copies.abandon()
    throw error
  } finally {
    signal.removeEventListener('abort', abort)
  }
}

async function relayRows(copy: CopyIn, relay: RowRelay, batch: Batch | undefined): Promise<void> {
  if (batch !== undefined && !copy.relay(relay.take(batch))) await copy.drained()
}
