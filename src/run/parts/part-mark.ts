import { z } from 'zod'
import type { KeyRange, SavedState, StateKey } from '../../core/driver.js'
import { isPartTable } from '../../core/part-table.js'

/** A whole number, a uuid with or without its dashes, or a place in a table. */
const bound = z.string().regex(/^(?:-?\d{1,20}|[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}|\(\d{1,10},0\))$/)

const partMark = z.strictObject({
  version: z.literal(1),
  /** Fingerprint of all that decides what the waiting rows are. */
  of: z.string(),
  column: z.string(),
  bounds: z.array(bound).readonly(),
  index: z.int().min(0),
  /** Where the rows of this range wait. */
  table: z.string(),
  rows: z.int().min(0),
  /** The run that has read it. */
  run: z.string().optional(),
})

/** That one range of a load that is divided among several machines is at the target; saved there, in the transaction of
 * its rows. Which of several tables with the same range counts is said by the commit, which names them. */
export type PartMark = Readonly<z.output<typeof partMark>>

const SUFFIX = /#part-(\d{1,6})$/

/** Where the mark of a range is kept, beside the state of its stream. */
export function partKey(pipeline: string, stream: string, index: number): StateKey {
  return { pipeline, stream: `${stream}#part-${index}` }
}

/** Whether a saved state is the mark of a range of this stream, or of any where none is named. */
export function isPartOf(saved: StateKey, stream?: string): boolean {
  const found = SUFFIX.exec(saved.stream)
  return found !== null && (stream === undefined || saved.stream.slice(0, found.index) === stream)
}

/** Reads a mark as it was saved; undefined for text that is none, or that names a table of somebody else. */
export function parsePartMark({ value }: SavedState, schema: string | undefined): PartMark | undefined {
  let json: unknown
  try {
    json = JSON.parse(value)
  } catch {
    return undefined
  }
  const parsed = partMark.safeParse(json)
  return parsed.success && isPartTable(parsed.data.table, schema) ? parsed.data : undefined
}

/** One of the ranges between `bounds`; the first and the last are open to the outside. */
export function rangeBetween(column: string, bounds: readonly string[], index: number): KeyRange {
  const [from, to] = [bounds[index - 1], bounds[index]]
  return { column, ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }) }
}
