import type { Batch } from '../../../core/batch.js'
import { BatchBuilder } from '../../../core/batch-builder.js'
import { AirlockError } from '../../../errors/index.js'
import { binaryCell } from './binary-cells.js'
import type { RawBatch } from './raw-batch.js'

/** `PGCOPY\n\377\r\n\0`, with which a binary COPY begins. */
const SIGNATURE = Buffer.from([0x50, 0x47, 0x43, 0x4f, 0x50, 0x59, 0x0a, 0xff, 0x0d, 0x0a, 0x00])

const HEAD_BYTES = 5

/** Unpacks CopyData messages of a binary COPY into canonical cells, for whoever wants to look into rows that are relayed.
 * Throws PROTOCOL_ERROR for bytes that are no such rows. See "Binary Format" in
 * https://www.postgresql.org/docs/17/sql-copy.html */
export function unpackBinary({ columns, rowCount, raw }: RawBatch): Batch {
  const data = Buffer.concat(raw.pieces)
  const builder = new BatchBuilder(columns, data.length + 1)
  let at = 0
  while (at < data.length) {
    const next = at + 1 + data.readUInt32BE(at + 1)
    at += HEAD_BYTES
    if (data.subarray(at, at + SIGNATURE.length).equals(SIGNATURE)) {
      // Flags, and an extension that says how long it is.
      at += SIGNATURE.length + 4
      at += 4 + data.readUInt32BE(at)
    }
    if (at < next && data.readInt16BE(at) !== -1) at = unpackRow(data, at, builder)
    else at = next
    if (at !== next) throw new AirlockError('PROTOCOL_ERROR', { phase: 'extract' })
  }
  if (builder.rowCount !== rowCount) throw new AirlockError('PROTOCOL_ERROR', { phase: 'extract' })
  return builder.finish()
}

function unpackRow(data: Buffer, start: number, builder: BatchBuilder): number {
  let at = start + 2
  builder.beginRow()
  for (const column of builder.columns) {
    const length = data.readInt32BE(at)
    at += 4
    if (length < 0) {
      builder.putNull()
      continue
    }
    const cell = binaryCell(column.type, data.subarray(at, at + length))
    const from = builder.region(cell, 0, cell.length)
    builder.put(from, from + cell.length)
    at += length
  }
  builder.endRow()
  return at
}
