import type { Column } from './batch.js'
import type { QueryLimits, QueryResult } from './driver.js'

/** Rows of a read-only query as they arrive, under its caps. Whole rows only; the one that would pass `bytes` or `rows` is
 * dropped and said to be missing. Caps count canonical bytes: hex is twice as long. */
export class QueryCollector {
  readonly #limits: QueryLimits
  readonly #rows: (readonly (string | null)[])[] = []
  #hex: readonly boolean[]
  #bytes = 0
  #stopped: 'rows' | 'bytes' | undefined
  #cut = false

  /** `hex`: which columns hold bytes, not text. */
  constructor(limits: QueryLimits, hex: readonly boolean[]) {
    this.#limits = limits
    this.#hex = hex
  }

  /** Takes one row. False: it was not taken, and no other will be. */
  row(cells: readonly (Uint8Array | null)[]): boolean {
    if (this.#stopped !== undefined) return false
    if (this.#rows.length >= this.#limits.rows) {
      this.#stopped = 'rows'
      return false
    }
    let cut = false
    let bytes = 0
    const row = cells.map((cell, column): string | null => {
      if (cell === null) return null
      const hex = this.#hex[column] === true
      const kept = cell.length <= this.#limits.cellBytes ? cell : cutCell(cell, this.#limits.cellBytes, hex)
      cut ||= kept.length < cell.length
      bytes += kept.length
      return Buffer.from(kept.buffer, kept.byteOffset, kept.length).toString(hex ? 'hex' : 'utf8')
    })
    if (this.#bytes + bytes > this.#limits.bytes) {
      this.#stopped = 'bytes'
      return false
    }
    this.#bytes += bytes
    this.#cut ||= cut
    this.#rows.push(row)
    return true
  }

  result(columns: readonly Column[], roleCanWrite: boolean): QueryResult {
    return { columns, rows: this.#rows, truncated: this.#stopped ?? (this.#cut ? 'cells' : undefined), roleCanWrite }
  }
}

/** The first `limit` bytes, less those of a character that would be cut in two (UTF-8). */
function cutCell(cell: Uint8Array, limit: number, binary: boolean): Uint8Array {
  let end = limit
  if (!binary) while (end > 0 && (cell[end]! & 0xc0) === 0x80) end--
  return cell.subarray(0, end)
}
