import { isUtf8 } from 'node:buffer'
import type { Batch, Column } from '../../../core/batch.js'
import { unlessAborted } from '../../../core/bounded.js'
import { ContractFilter } from '../../../core/contract-filter.js'
import { abortError } from '../../../core/errors-at-boundary.js'
import { RowChecksums } from '../../../core/row-checksums.js'
import { AirlockError } from '../../../errors/index.js'
import type { MysqlConnection } from '../native.js'
import { type ColumnSlot, columnSlot } from './column-slot.js'
import { type LoadPlan, VALID_FROM, VALID_TO } from './load-plan.js'
import { type RowChunk, RowFrames } from './row-frames.js'
import { formOf, insertHead, RowSender, type Transport } from './row-sender.js'
import { ValueEditor } from './value-editor.js'

/** Rows of one statement, in bytes. Larger ones gain nothing. */
const CHUNK_BYTES: Readonly<Record<Transport, number>> = { insert: 1 << 20, load: 4 << 20 }

/** What a statement needs beside its rows. */
const STATEMENT_MARGIN = 4096

/** The first batch, which says what the columns are, and the others. */
export interface Source {
  readonly first: Batch
  readonly rest: AsyncIterator<Batch>
}

/** What went over the wire. */
export interface Sent {
  readonly rows: number
  readonly confirmed: number
  readonly bytes: number
  /** Left out by the contract. */
  readonly rejected: number
  readonly policyCounts: Readonly<Record<string, number>>
  readonly slots: readonly ColumnSlot[]
  /** The columns as they are stored. */
  readonly stored: readonly Column[]
  /** Sums of what was sent, where they were asked for. */
  readonly checksums: RowChecksums | undefined
}

/** Sends all batches into a table, as the contract and the policies leave them. */
export async function sendRows(
  connection: MysqlConnection,
  load: LoadPlan,
  source: Source,
  signal: AbortSignal,
  options: { readonly into: string; readonly transport: Transport; readonly checksum: boolean },
): Promise<Sent> {
  const policyCounts: Record<string, number> = {}
  const count = (policy: string) => {
    policyCounts[policy] = (policyCounts[policy] ?? 0) + 1
  }
  const slots = slotsOf(load, count)
  const filter = new ContractFilter(load.source, load.fates)
  const editor = new ValueEditor(slots, load.columns, { key: load.key, nullKeys: load.policies.null_keys })
  const checksums = options.checksum ? new RowChecksums(editor.columns) : undefined
  const chunks: RowChunk[] = []
  const most = load.facts.maxPacket - Buffer.byteLength(insertHead(options.into, slots)) - STATEMENT_MARGIN
  const sizes = { limit: Math.min(CHUNK_BYTES[options.transport], most), most }
  const frames = new RowFrames(slots, formOf(options.transport), sizes, (chunk) => chunks.push(chunk))
  const sender = new RowSender(connection, { ...options, slots }, (chunk) => frames.recycle(chunk))
  const put = (batch: Batch): void => {
    const edited = editor.apply(filter.apply(batch))
    checksums?.add(edited)
    frames.encode(edited)
    edited.release?.()
  }
  const sendChunks = async () => {
    for (const chunk of chunks.splice(0)) {
      // A client of ours would put U+FFFD in its place, and no server tell.
      if (options.transport === 'insert' && !isUtf8(chunk.bytes)) {
        throw new AirlockError('VALUE_REJECTED', { phase: 'write', origin: 'MYSQL_1300' })
      }
      await sender.send(chunk)
    }
  }
  try {
    for (
      let next: IteratorResult<Batch> = { value: source.first };
      next.done !== true;
      next = await sender.unlessRefused(
        unlessAborted(signal, source.rest.next(), noTearDown, () => abortError(signal, 'write')),
      )
    ) {
      if (signal.aborted) throw abortError(signal, 'write')
      put(next.value)
      await sendChunks()
    }
    frames.flush()
    await sendChunks()
    await sender.finish()
  } catch (error) {
    // What follows is a rollback, which waits for the statement in any case.
    await sender.settle()
    throw error
  }
  if (filter.discarded > 0) policyCounts['discarded_values'] = filter.discarded
  return {
    rows: frames.rowsEncoded,
    confirmed: sender.rowsConfirmed,
    bytes: frames.bytesEncoded,
    rejected: filter.rejected,
    ...{ policyCounts, slots, stored: editor.columns, checksums },
  }
}

/** How each written column gets into the target. */
export function slotsOf(load: LoadPlan, count: (policy: string) => void): readonly ColumnSlot[] {
  const options = { policies: load.policies, mariadb: load.facts.mariadb, count }
  return load.columns.map((column) => {
    const into = load.target?.columns.find(({ name }) => name === column.name)
    const notNull = into?.notNull === true && ![VALID_FROM, VALID_TO].includes(column.name)
    return columnSlot(column, { type: load.types.get(column.name)!, notNull }, options)
  })
}

function noTearDown(): void {
  // A source that hangs is not waited for; its owner tears it down.
}
