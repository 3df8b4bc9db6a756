import { type Batch, type Column, NULL_CELL } from './batch.js'
import { NormalHash } from './normal-hash.js'

/** Rows after which the sums are carried over: 2^20 words of 32 bits stay exact in a double. */
const CARRY_ROWS = 1 << 20

const WORD = 2 ** 32

/** Checksums of columns that do not depend on the order of the rows: two 64-bit sums, modulo 2^64, of the 128-bit hashes of
 * a column's cells, and the number of rows. Equal values give equal sums whatever engine they come from: `1.50` and `1.5`,
 * `10:00:00.100000` and `10:00:00.1`, `PT1H` and `1:00:00`, JSON with other blanks or order of members. Text and bytes count
 * byte by byte, and floats by the number that they stand for, `float32` in single precision.
 *
 * Values of one column that changed places between two rows leave its sum as it is: that is what independence of order
 * means. The hash has no key, so it finds what went wrong, not what somebody forged. */
export class RowChecksums {
  readonly #columns: readonly Column[]
  /** Four words a column, of which two and two make one sum: low, high. */
  readonly #sums: Float64Array
  readonly #hash = new NormalHash()
  #rows = 0

  /** The columns decide how the cells of a batch are read, whatever the batch calls them: both ends of a comparison are
   * given the same ones. */
  constructor(columns: readonly Column[]) {
    this.#columns = columns
    this.#sums = new Float64Array(columns.length * 4)
  }

  /** Rows added so far. */
  get rows(): number {
    return this.#rows
  }

  /** Adds every row of a batch with as many columns. */
  add(batch: Batch): void {
    for (let from = 0; from < batch.rowCount; from += CARRY_ROWS) {
      const to = Math.min(batch.rowCount, from + CARRY_ROWS)
      for (let column = 0; column < this.#columns.length; column++) this.#addColumn(batch, column, from, to)
    }
    this.#rows += batch.rowCount
  }

  /** Column → rows and sum, e.g. `1200:9f86…`. Meaningless beside the digest of another version. */
  digest(): Readonly<Record<string, string>> {
    const entries = this.#columns.map(({ name }, column): [string, string] => {
      const words = [1, 0, 3, 2].map((word) => this.#sums[column * 4 + word]!)
      return [name, `${this.#rows}:${words.map((word) => word.toString(16).padStart(8, '0')).join('')}`]
    })
    return Object.fromEntries(entries)
  }

  /** Names of the columns whose digests differ, or that only one side has. */
  static differing(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): readonly string[] {
    const names = new Set([...Object.keys(a), ...Object.keys(b)])
    const of = (side: Readonly<Record<string, string>>, name: string) =>
      Object.hasOwn(side, name) ? side[name] : undefined
    return [...names].filter((name) => of(a, name) !== of(b, name))
  }

  #addColumn(batch: Batch, column: number, from: number, to: number): void {
    const { data, spans } = batch
    const { words } = this.#hash
    const width = this.#columns.length
    const kind = this.#columns[column]!.type.kind
    const sums = this.#sums
    const base = column * 4
    let low = sums[base]!
    let high = sums[base + 1]!
    let low2 = sums[base + 2]!
    let high2 = sums[base + 3]!
    for (let row = from, at = (from * width + column) * 2; row < to; row++, at += width * 2) {
      const start = spans[at]!
      if (start === NULL_CELL) this.#hash.null()
      else this.#hash.cell(kind, data, start, spans[at + 1]!)
      low += words[0]!
      high += words[1]!
      low2 += words[2]!
      high2 += words[3]!
    }
    sums[base] = low % WORD
    sums[base + 1] = (high + Math.floor(low / WORD)) % WORD
    sums[base + 2] = low2 % WORD
    sums[base + 3] = (high2 + Math.floor(low2 / WORD)) % WORD
  }
}
