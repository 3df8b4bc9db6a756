import { hash } from 'node:crypto'
import type { Batch, Column } from '../core/batch.js'
import type { ManagedSession } from '../core/managed-session.js'
import { shapeOf } from './value-shape.js'

/** Bytes of rows after which a profile has seen enough, whatever their number. */
const ENOUGH_BYTES = 64 * 1024 * 1024
const BUFFER_BYTES = 256 * 1024
/** Bytes of a value that its shape is made of. */
const SHAPE_BYTES = 64
const SHAPES_KEPT = 1000
const SHAPES_SHOWN = 3

/** What the first rows of a table look like. No value is in it: shapes and lengths, and the years of dates. */
export interface TableProfile {
  readonly rows_read: number
  /** All rows of the table were read. */
  readonly complete: boolean
  readonly columns: readonly ColumnProfile[]
}

export interface ColumnProfile {
  readonly name: string
  readonly nulls: number
  /** Different values among the rows read. */
  readonly distinct: number
  /** Of a value in bytes of its text; null where every value is NULL. */
  readonly min_length: number | null
  readonly max_length: number | null
  /** Of dates and times, generalized to their year. */
  readonly first_year: string | null
  readonly last_year: string | null
  /** The most frequent shapes: `a` and `A` for letters, `9` for digits, once for any number of them. */
  readonly shapes: readonly { readonly shape: string; readonly count: number }[]
}

/** Reads the first rows of a table, in the server's order, and ends the statement there. Throws DEADLINE_EXCEEDED. */
export async function profileTable(
  session: ManagedSession,
  table: string,
  limits: { readonly rows: number; readonly timeoutMs: number },
  signal: AbortSignal,
): Promise<TableProfile> {
  const within = AbortSignal.any([signal, AbortSignal.timeout(limits.timeoutMs)])
  let tallies: readonly ColumnTally[] = []
  let rows = 0
  let bytes = 0
  let complete = true
  for await (const batch of session.extract({ table, bufferBytes: BUFFER_BYTES }, within)) {
    if (tallies.length === 0) tallies = batch.columns.map((column) => new ColumnTally(column))
    const taken = Math.min(batch.rowCount, limits.rows - rows)
    for (let row = 0; row < taken; row++) addRow(tallies, batch, row)
    rows += taken
    bytes += batch.byteLength
    complete = taken === batch.rowCount && bytes <= ENOUGH_BYTES
    if (!complete) break
  }
  return { rows_read: rows, complete, columns: tallies.map((tally) => tally.profile()) }
}

function addRow(tallies: readonly ColumnTally[], batch: Batch, row: number): void {
  tallies.forEach((tally, column) => {
    tally.add(batch.cell(row, column))
  })
}

/** What is known of one column. Of its values only digests are kept. */
class ColumnTally {
  readonly #column: Column
  readonly #dated: boolean
  readonly #digests = new Set<string>()
  readonly #shapes = new Map<string, number>()
  #nulls = 0
  #shortest = Number.POSITIVE_INFINITY
  #longest = -1
  #first: string | null = null
  #last: string | null = null

  constructor(column: Column) {
    this.#column = column
    this.#dated = ['date', 'timestamp', 'timestamptz'].includes(column.type.kind)
  }

  add(cell: Uint8Array | null): void {
    if (cell === null) {
      this.#nulls++
      return
    }
    this.#digests.add(hash('sha1', cell, 'base64'))
    this.#shortest = Math.min(this.#shortest, cell.length)
    this.#longest = Math.max(this.#longest, cell.length)
    const start = Buffer.from(cell.subarray(0, SHAPE_BYTES))
    const shape = this.#column.type.kind === 'bytes' ? 'bytes' : shapeOf(start.toString('utf8'))
    const count = this.#shapes.get(shape)
    if (count !== undefined || this.#shapes.size < SHAPES_KEPT) this.#shapes.set(shape, (count ?? 0) + 1)
    // Before year 1 they count backwards: such dates say no year.
    const dated = this.#dated && !start.toString('latin1').endsWith(' BC')
    const year = dated ? /^\d{4,6}(?=-)/.exec(start.toString('latin1'))?.[0].padStart(6, '0') : undefined
    if (year === undefined) return
    if (this.#first === null || year < this.#first) this.#first = year
    if (this.#last === null || year > this.#last) this.#last = year
  }

  profile(): ColumnProfile {
    const none = this.#longest < 0
    const shapes = [...this.#shapes].sort(([, a], [, b]) => b - a).slice(0, SHAPES_SHOWN)
    return {
      name: this.#column.name,
      nulls: this.#nulls,
      distinct: this.#digests.size,
      min_length: none ? null : this.#shortest,
      max_length: none ? null : this.#longest,
      first_year: yearOf(this.#first),
      last_year: yearOf(this.#last),
      shapes: shapes.map(([shape, count]) => ({ shape, count })),
    }
  }
}

function yearOf(padded: string | null): string | null {
  return padded === null ? null : String(Number(padded)).padStart(4, '0')
}
