import { createHash } from 'node:crypto'
import { z } from 'zod'
import type { PipelineStream } from '../config/pipeline.js'
import type { Column } from '../core/batch.js'
import { formatType } from '../core/column-type.js'
import type { KeyRange, SavedState, StateKey } from '../core/driver.js'
import { isPartTable } from '../core/part-table.js'
import { bindMaskKey, type MaskKey } from '../masking/columns/mask-key.js'

const decimal = z.string().regex(/^-?\d{1,20}$/)

const ledger = z.strictObject({
  version: z.literal(1),
  /** Fingerprint of all that decides what the waiting rows are. */
  of: z.string(),
  /** Where they wait. */
  table: z.string(),
  /** The key by which the load is divided. */
  column: z.string(),
  /** Where one range ends and the next begins; the first and the last range are open to the outside. */
  bounds: z.array(decimal),
  finished: z.array(z.strictObject({ range: z.int().min(0), rows: z.int().min(0), bytes: z.int().min(0) })),
  /** The rows are in the real table: what waits must not be written once more. */
  done: z.boolean(),
})

/** Which ranges of a load are at the target already. Saved there, each range in the transaction of its rows. */
export type Ledger = Readonly<z.output<typeof ledger>>

const SUFFIX = '#parts'

/** Under which key a stream's ledger is kept, beside its state. */
export function ledgerKey(pipeline: string, stream: string): StateKey {
  return { pipeline, stream: `${stream}${SUFFIX}` }
}

/** The stream whose ledger this is; undefined for the state of an incremental stream. */
export function ledgerStream({ stream }: StateKey): string | undefined {
  return stream.endsWith(SUFFIX) ? stream.slice(0, -SUFFIX.length) : undefined
}

/** Reads a ledger as it was saved; undefined for text that is none, or that names a table of somebody else. */
export function parseLedger({ value }: SavedState, schema: string | undefined): Ledger | undefined {
  let json: unknown
  try {
    json = JSON.parse(value)
  } catch {
    return undefined
  }
  const parsed = ledger.safeParse(json)
  return parsed.success && isPartTable(parsed.data.table, schema) ? parsed.data : undefined
}

/** How many ranges a load has. */
export function rangeCount({ bounds }: Ledger): number {
  return bounds.length + 1
}

/** One range; together they are all rows that have a key. */
export function rangeAt({ column, bounds }: Ledger, range: number): KeyRange {
  const [from, to] = [bounds[range - 1], bounds[range]]
  return { column, ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }) }
}

/** Rows that wait. */
export function finishedRows({ finished }: Ledger): number {
  return finished.reduce((sum, { rows }) => sum + rows, 0)
}

/** What a load depends on beside the rows themselves. */
export interface LoadFacts {
  readonly stream: PipelineStream
  readonly sourceName: string
  /** As they are read. */
  readonly columns: readonly Column[]
  /** As they are after masking. */
  readonly masked: readonly Column[]
  readonly key: string
  readonly maskKey: MaskKey | undefined
}

/** Fingerprint of a load as 32 hex digits: rows of two loads that differ in it do not belong into one table. Of the mask
 * key it takes a derived value, and only where something is masked. */
export function loadFingerprint({ stream, sourceName, columns, masked, key, maskKey }: LoadFacts): string {
  const { table, targetTable, select, where, mask, policies } = stream
  const types = (list: readonly Column[]) => list.map(({ name, type, nullable }) => [name, formatType(type), nullable])
  const masks = Object.keys(mask).length > 0
  const derived = masks ? bindMaskKey(maskKey, { domain: 'resume' })?.derive('fingerprint') : undefined
  return digest([
    [sourceName, table ?? null, targetTable, key, select ?? null, where ?? null],
    [types(columns), types(masked), sorted(mask), sorted(policies)],
    derived === undefined ? null : Buffer.from(derived).toString('hex'),
  ])
}

/** The hex digits that name the staging table of a load. */
export function partDigest({ pipeline, stream }: StateKey, of: string): string {
  return digest([pipeline, stream, of])
}

function sorted(record: Readonly<Record<string, unknown>>): readonly (readonly [string, unknown])[] {
  return Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1))
}

function digest(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 32)
}
