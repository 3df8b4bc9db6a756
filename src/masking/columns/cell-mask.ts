import type { ByteSink } from './byte-sink.js'

/** The compiled mask of one column. It is applied to every cell of that column in turn and may hold scratch memory and
 * a value cache, so it belongs to one stream. SQL NULL never reaches it: NULL stays NULL under every rule. */
export interface CellMask {
  /** The rule in its canonical spelling, as plans and reports print it. */
  readonly rule: string
  /** The result depends on the mask key. */
  readonly keyed: boolean
  /** Distinct values stay distinct, so the rule is allowed on key columns. */
  readonly oneToOne: boolean
  /** A value may become NULL, so the result is nullable whatever the column was. */
  readonly givesNull: boolean
  /** The logical type of the result; `same` keeps the type of the column. */
  readonly output: 'same' | 'text' | 'int16'
  /** Masks the canonical bytes data[start, end) and appends the result to `out`. Returns false when the result is SQL
   * NULL. Throws `MASK_FAILED`, without the value, when the value does not fit the rule; `out` may then hold a
   * part of the masked cell, never of the original. */
  apply(data: Uint8Array, start: number, end: number, out: ByteSink): boolean
}
