import type { Batch, Column } from '../../../core/batch.js'
import { AirlockError } from '../../../errors/index.js'
import type { RowMessages } from './message-splitter.js'
import { RowMemory } from './row-memory.js'

/** Unpacks the rows of whole messages: `memory.data[memory.parsed, end)`; advances `parsed`. */
export type UnpackRows = (memory: RowMemory, end: number) => void

/** Packs row messages into batches. Chunks may end anywhere; a row that is cut is kept until the rest of it arrives. */
export class RowDecoder {
  rowsRead = 0
  #memory: RowMemory
  #unpack: UnpackRows
  #emit: (batch: Batch) => void

  constructor(
    columns: readonly Column[],
    batchBytes: number | undefined,
    unpack: UnpackRows,
    emit: (batch: Batch) => void,
  ) {
    this.#memory = new RowMemory(columns, batchBytes)
    this.#unpack = unpack
    this.#emit = emit
  }

  /** Takes what a `RowTap` took off the socket. */
  readonly rows: RowMessages['rows'] = (chunk, start, end, { complete, boundary, missing }) => {
    const memory = this.#memory
    // A row that does not fit gets memory of its own, rather than a copy of what is there already.
    if (memory.rowCount > 0 && !memory.fits(end - start + missing)) this.flush()
    const base = memory.length
    memory.append(chunk, start, end, missing)
    if (complete === 0) return
    const before = memory.rowCount
    this.#unpack(memory, base + boundary - start)
    this.rowsRead += memory.rowCount - before
    if (memory.rowCount - before !== complete) throw new AirlockError('PROTOCOL_ERROR', { phase: 'extract' })
    if (memory.full) this.flush()
  }

  /** Hands over the rows packed so far. */
  flush(): void {
    if (this.#memory.rowCount > 0) this.#emit(this.#memory.finish())
  }

  /** The server says that there were so many rows: hands over the rest, or one batch of no rows where there was none.
   * Throws PROTOCOL_ERROR where it counted others. */
  end(confirmed: number): void {
    const { parsed, length } = this.#memory
    if (confirmed !== this.rowsRead || parsed !== length) throw new AirlockError('PROTOCOL_ERROR', { phase: 'extract' })
    if (this.rowsRead === 0) this.#emit(this.#memory.finish())
    else this.flush()
  }
}
