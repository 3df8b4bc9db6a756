import type { Batch, Column } from '../../../core/batch.js'
import { BATCH_BYTES } from '../../../core/batch-builder.js'
import type { ExtractRequest } from '../../../core/driver.js'
import { AirlockError } from '../../../errors/index.js'
import { unpackBinary } from './binary-decoder.js'
import { unpackCopyText } from './copy-decoder.js'
import { MessageSplitter } from './message-splitter.js'
import { RawBatch } from './raw-batch.js'
import { hasBinaryForm, RAW_BINARY, RAW_TEXT } from './raw-formats.js'
import { RowDecoder } from './row-decoder.js'
import { MAX_ROW_BYTES } from './row-memory.js'
import type { MakeSink, RowSink } from './row-sources.js'

/** Reads rows without parsing them, if the request asks for a format that these columns can be read in. */
export function rawReader(
  columns: readonly Column[],
  request: ExtractRequest,
): { readonly sink: MakeSink; readonly options: string } | undefined {
  const { raw, batchBytes } = request
  const binary = raw === RAW_BINARY && hasBinaryForm(columns)
  if (!binary && raw !== RAW_TEXT) return undefined
  return {
    sink: (emit) => new RawRowSink(columns, batchBytes, binary, emit),
    options: binary ? ' WITH (FORMAT binary)' : '',
  }
}

/** The length that the head of a binary COPY's last message gives: the head's own four bytes, and -1 in two. */
const TRAILER_LENGTH = 6

/** What a binary COPY begins with: signature, flags, and the length of an extension that nobody uses.
 * https://www.postgresql.org/docs/17/sql-copy.html#id-1.9.3.55.9.4 */
const BINARY_HEADER_BYTES = 19

/** Collects whole messages into batches. Memory is that of the socket's own reads; nothing is copied. */
class RawRowSink implements RowSink {
  rowsRead = 0
  #columns: readonly Column[]
  #limit: number
  #binary: boolean
  #emit: (batch: Batch) => void
  #pieces: Uint8Array[] = []
  #size = 0
  /** Bytes behind the last whole message. */
  #open = 0
  #messages = 0
  #emitted = false
  #begun = false

  constructor(
    columns: readonly Column[],
    batchBytes: number = BATCH_BYTES,
    binary: boolean,
    emit: (batch: Batch) => void,
  ) {
    this.#columns = columns
    this.#limit = batchBytes
    this.#binary = binary
    this.#emit = emit
  }

  rows: RowSink['rows'] = (chunk, start, end, { complete, boundary, lastLength, missing }) => {
    if (this.#open + missing > MAX_ROW_BYTES) throw new AirlockError('ROW_TOO_LARGE', { phase: 'extract' })
    if (this.#binary && !this.#begun) {
      this.#begun = true
      // Servers send the header together with the first row; on its own it is no row, and with an empty table's trailer
      // neither.
      const length = ((chunk[start + 3]! << 8) | chunk[start + 4]!) - 4
      if (length <= BINARY_HEADER_BYTES + 2) this.#messages--
    }
    if (complete === 0) {
      this.#add(chunk, start, end)
      this.#open += end - start
      return
    }
    this.#add(chunk, start, boundary)
    this.#messages += complete
    // No row is as short: there is at least one column.
    if (this.#binary && lastLength === TRAILER_LENGTH) this.#messages--
    this.#open = end - boundary
    if (this.#size >= this.#limit) this.#flush()
    if (end > boundary) this.#add(chunk, boundary, end)
  }

  end(confirmed: number): void {
    if (this.#open > 0 || this.rowsRead + this.#messages !== confirmed) {
      throw new AirlockError('PROTOCOL_ERROR', { phase: 'extract' })
    }
    if (this.#size > 0 || !this.#emitted) this.#flush()
  }

  #add(chunk: Uint8Array, start: number, end: number): void {
    this.#pieces.push(chunk.subarray(start, end))
    this.#size += end - start
  }

  #flush(): void {
    const raw = { format: this.#binary ? RAW_BINARY : RAW_TEXT, pieces: this.#pieces }
    const batch = new RawBatch(this.#columns, this.#messages, raw, this.#binary ? unpackBinary : unpackText)
    this.rowsRead += this.#messages
    this.#messages = 0
    this.#pieces = []
    this.#size = 0
    this.#emitted = true
    this.#emit(batch)
  }
}

function unpackText({ columns, raw, byteLength }: RawBatch): Batch {
  const batches: Batch[] = []
  const decoder = new RowDecoder(columns, byteLength + 1, unpackCopyText(columns), (batch) => batches.push(batch))
  const splitter = new MessageSplitter('d', { rows: decoder.rows, other: () => true, rest: () => undefined })
  for (const piece of raw.pieces) splitter.push(Buffer.from(piece.buffer, piece.byteOffset, piece.length))
  decoder.end(decoder.rowsRead)
  return batches[0]!
}
