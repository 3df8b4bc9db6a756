import type { Batch, Column } from '../../src/core/batch.js'
import { BatchBuilder } from '../../src/core/batch-builder.js'
import type { LogicalType } from '../../src/core/column-type.js'

export type Cell = string | Uint8Array | null

export function column(name: string, type: LogicalType | LogicalType['kind'], more: Partial<Column> = {}): Column {
  const logical = typeof type === 'string' ? ({ kind: type } as LogicalType) : type
  return { name, type: logical, nullable: true, sourceType: 'test', keyPosition: 0, ...more }
}

/** One batch that holds these rows, through the builder that extractors use. */
export function batchOf(columns: readonly Column[], rows: readonly (readonly Cell[])[]): Batch {
  const builder = new BatchBuilder(columns)
  for (const row of rows) {
    builder.beginRow()
    for (const cell of row) {
      if (cell === null) builder.putNull()
      else {
        const bytes = Buffer.from(cell)
        const start = builder.region(bytes, 0, bytes.length)
        builder.put(start, start + bytes.length)
      }
    }
    builder.endRow()
  }
  return builder.finish()
}

/** A source in memory: each list of rows is one batch. */
export async function* batches(
  columns: readonly Column[],
  ...lists: readonly (readonly (readonly Cell[])[])[]
): AsyncGenerator<Batch, void, undefined> {
  for (const rows of lists.length === 0 ? [[]] : lists) yield batchOf(columns, rows)
}

/** `count` rows of one integer from `first` on, in batches of a thousand. */
export async function* numbers(name: string, count: number, first = 1): AsyncGenerator<Batch, void, undefined> {
  const columns = [column(name, 'int32', { nullable: false, keyPosition: 1 })]
  for (let at = 0; at < count; at += 1000) {
    const size = Math.min(1000, count - at)
    yield batchOf(
      columns,
      Array.from({ length: size }, (_, row) => [String(first + at + row)]),
    )
  }
}
