import type { Column } from '../../../core/batch.js'
import { AirlockError } from '../../../errors/index.js'
import { decodeHex } from '../hex.js'
import type { UnpackRows } from './row-decoder.js'
import type { RowMemory } from './row-memory.js'

const TAB = 0x09
const NEWLINE = 0x0a
const BACKSLASH = 0x5c
const N = 0x4e

/** The letter and the length in front of each row. */
const HEAD_BYTES = 5

/** 1 for the bytes that end a run of plain ones. */
const STOPS = new Uint8Array(256)
STOPS[TAB] = 1
STOPS[NEWLINE] = 1
STOPS[BACKSLASH] = 1

/** What stands behind a backslash in COPY text.
 * https://www.postgresql.org/docs/17/sql-copy.html#SQL-COPY-FILE-FORMATS */
const UNESCAPED = new Uint8Array(256).map((_, byte) => byte)
UNESCAPED[0x62] = 0x08
UNESCAPED[0x66] = 0x0c
UNESCAPED[0x6e] = NEWLINE
UNESCAPED[0x72] = 0x0d
UNESCAPED[0x74] = TAB
UNESCAPED[0x76] = 0x0b

/** Unpacks the CopyData messages of a `COPY … TO STDOUT` in text format, one row each. Cells without escapes are spans over
 * the bytes as they came; the others are unescaped where they lie, because that never makes them longer. Throws
 * PROTOCOL_ERROR for a row that does not end with its message. */
export function unpackCopyText(columns: readonly Column[]): UnpackRows {
  const bytes = columns.map((column) => column.type.kind === 'bytes')
  const width = columns.length
  return (memory, end) => {
    const { data } = memory
    let at = memory.parsed
    while (at < end) {
      const next = at + 1 + data.readUInt32BE(at + 1)
      at += HEAD_BYTES
      memory.beginRow()
      for (let column = 0; column < width; column++) {
        const start = at
        while (STOPS[data[at]!] === 0) at++
        if (data[at] !== BACKSLASH) memory.put(start, at)
        else if (data[at + 1] === N && at === start) {
          memory.putNull()
          at += 2
        } else if (bytes[column]) at = putHex(memory, start)
        else at = putUnescaped(memory, start, at)
        at++
      }
      // The row of a table without columns is one newline.
      if (width === 0) at++
      if (at !== next || data[at - 1] !== NEWLINE) throw new AirlockError('PROTOCOL_ERROR', { phase: 'extract' })
      memory.rowCount++
    }
    memory.parsed = at
  }
}

/** Returns where the cell ends on the wire. */
function putUnescaped(memory: RowMemory, start: number, firstEscape: number): number {
  const { data } = memory
  let from = firstEscape
  let to = firstEscape
  for (;;) {
    const byte = data[from]!
    if (byte === TAB || byte === NEWLINE) break
    if (byte === BACKSLASH) {
      data[to++] = UNESCAPED[data[from + 1]!]!
      from += 2
    } else {
      data[to++] = byte
      from++
    }
  }
  memory.put(start, to)
  return from
}

/** bytea arrives as `\\x` and two hex digits a byte. */
function putHex(memory: RowMemory, start: number): number {
  const { data } = memory
  let end = start
  while (data[end] !== TAB && data[end] !== NEWLINE) end++
  memory.put(start, decodeHex(data, start + 3, end, start))
  return end
}
