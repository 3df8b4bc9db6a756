import type { Column } from '../../../core/batch.js'
import { AirlockError } from '../../../errors/index.js'
import { decodeHex } from '../hex.js'
import type { UnpackRows } from './row-decoder.js'

/** Unpacks DataRow messages in text format. A cell is what its length says; only bytea has to be decoded, which is done
 * where it lies. Throws PROTOCOL_ERROR for a row that does not end with its message. */
export function unpackDataRows(columns: readonly Column[]): UnpackRows {
  const bytes = columns.map((column) => column.type.kind === 'bytes')
  const width = columns.length
  return (memory, end) => {
    const { data } = memory
    let at = memory.parsed
    while (at < end) {
      const next = at + 1 + data.readUInt32BE(at + 1)
      let consistent = data.readUInt16BE(at + 5) === width
      at += 7
      memory.beginRow()
      for (let column = 0; consistent && column < width; column++) {
        const length = data.readInt32BE(at)
        at += 4
        if (length < 0) {
          memory.putNull()
        } else {
          // `\x` and two hex digits a byte.
          memory.put(at, bytes[column] ? decodeHex(data, at + 2, at + length, at) : at + length)
          at += length
        }
        consistent = at <= next
      }
      if (!consistent || at !== next) throw new AirlockError('PROTOCOL_ERROR', { phase: 'extract' })
      memory.rowCount++
    }
    memory.parsed = at
  }
}
