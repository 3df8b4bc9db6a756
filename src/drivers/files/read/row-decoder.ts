import type { Batch, Column } from '../../../core/batch.js'
import type { RecordParser } from './record-feed.js'

/** Turns the records of a file into batches. */
export interface RowDecoder extends RecordParser {
  readonly rowsRead: number
  /** Hands over the rows packed so far, or a batch of no rows when `evenIfEmpty`. */
  flush(evenIfEmpty: boolean): void
}

/** One column as it is read. */
export interface ReadColumn {
  readonly column: Column
  /** Its position among the fields of the file. */
  readonly field: number
  /** Its type was declared or inferred, so that any notation of it is taken. */
  readonly declared: boolean
}

/** What every decoder is given. */
export interface DecoderOptions {
  /** The columns that are wanted, in their order. */
  readonly columns: readonly ReadColumn[]
  /** Names of all fields of the file. */
  readonly fields: readonly string[]
  readonly batchBytes: number | undefined
  emit(batch: Batch): void
}

/** What a formula-like text begins with; https://owasp.org/www-community/attacks/CSV_Injection */
const FORMULA_STARTS = new Uint8Array(256)
for (const byte of [0x3d, 0x2b, 0x2d, 0x40, 0x09, 0x0d]) FORMULA_STARTS[byte] = 1

const APOSTROPHE = 0x27

/** Whether a text is one that a spreadsheet would calculate, or one with the apostrophes in front that keep it from that. */
export function isFormula(data: Uint8Array, start: number, end: number): boolean {
  let at = start
  while (at < end && data[at] === APOSTROPHE) at++
  return at < end && FORMULA_STARTS[data[at]!] === 1
}
