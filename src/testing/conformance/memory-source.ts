import type { Batch, Column } from '../../core/batch.js'
import { BatchBuilder } from '../../core/batch-builder.js'

/** The columns of the sources in memory: an integer key and a text. */
const COLUMNS: readonly Column[] = [
  { name: 'id', type: { kind: 'int32' }, nullable: false, sourceType: 'memory', keyPosition: 1 },
  { name: 'body', type: { kind: 'text' }, nullable: true, sourceType: 'memory', keyPosition: 0 },
]

const BATCH_ROWS = 1000

/** Something that happens when a source gets to a row. */
export interface Incident {
  readonly atRow: number
  run(): unknown
}

/** `count` rows with ids from 1 and short bodies, a thousand to a batch. */
export async function* rowsOf(count: number, incident?: Incident): AsyncGenerator<Batch, void, undefined> {
  for (let at = 0; at < count || at === 0; at += BATCH_ROWS) {
    if (incident !== undefined && at === incident.atRow) await incident.run()
    const size = Math.min(BATCH_ROWS, count - at)
    yield batchOf(Array.from({ length: size }, (_, row) => [at + row + 1, `body ${at + row + 1}`]))
  }
}

/** One batch of these rows. */
export function batchOf(rows: readonly (readonly [id: number, body: string | null])[]): Batch {
  const builder = new BatchBuilder(COLUMNS)
  for (const row of rows) {
    builder.beginRow()
    for (const value of row) {
      if (value === null) {
        builder.putNull()
      } else {
        const bytes = Buffer.from(String(value))
        const start = builder.region(bytes, 0, bytes.length)
        builder.put(start, start + bytes.length)
      }
    }
    builder.endRow()
  }
  return builder.finish()
}
