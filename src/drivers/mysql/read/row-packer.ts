import type { Batch, Column } from '../../../core/batch.js'
import { BatchBuilder } from '../../../core/batch-builder.js'
import { AirlockError } from '../../../errors/index.js'
import type { MysqlPolicies } from '../policies.js'
import type { MysqlColumn } from './columns.js'
import { type Converter, converterOf } from './convert.js'

/** Packs text-protocol rows into batches. A row is a run of length-encoded values
 * (https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_query_response_text_resultset_row.html); the rows of
 * one socket read lie in one buffer, so that buffer is copied into the batch once, and cells are spans over the copy. */
export class RowPacker {
  readonly policyCounts: Record<string, number> = {}
  rowsRead = 0
  #builder: BatchBuilder
  #converters: readonly (Converter | undefined)[]
  #emit: (batch: Batch) => void
  /** The run of `#source` that the packed rows lie in and that is not yet copied. */
  #source: Uint8Array | undefined
  #from = 0
  #to = 0

  constructor(
    columns: readonly MysqlColumn[],
    policies: MysqlPolicies,
    batchBytes: number | undefined,
    emit: (batch: Batch) => void,
  ) {
    const plain: readonly Column[] = columns.map(({ column }) => column)
    this.#builder = new BatchBuilder(plain, batchBytes)
    this.#converters = columns.map(({ column, conversion }) =>
      converterOf(conversion, column.name, policies, (policy) => {
        this.policyCounts[policy] = (this.policyCounts[policy] ?? 0) + 1
      }),
    )
    this.#emit = emit
  }

  /** Packs one row: the payload buffer[start, end) of its packet. */
  row(buffer: Uint8Array, start: number, end: number): void {
    if (buffer !== this.#source) {
      this.#copyRegion()
      this.#source = buffer
      this.#from = start
    }
    const builder = this.#builder
    const converters = this.#converters
    const region = builder.regionStart - this.#from
    builder.beginRow()
    const spans = builder.spans
    let at = start
    for (let column = 0; column < converters.length; column++) {
      const first = buffer[at++]!
      if (first === 0xfb) {
        builder.putNull()
        continue
      }
      let length = first
      if (first >= 0xfc) {
        const width = first === 0xfc ? 2 : first === 0xfd ? 3 : 8
        length = readLength(buffer, at, width)
        at += width
      }
      const next = at + length
      const converter = converters[column]
      if (converter === undefined) {
        const cursor = builder.cursor
        spans[cursor] = at + region
        spans[cursor + 1] = next + region
        builder.cursor = cursor + 2
      } else {
        converter(builder, buffer, at, next, region)
      }
      at = next
    }
    if (at !== end) throw new AirlockError('PROTOCOL_ERROR', { phase: 'extract' })
    this.#to = end
    builder.endRow()
    this.rowsRead++
    if (builder.size + end - this.#from >= this.#builder.limit) this.flush()
  }

  /** Hands over the rows packed so far, or a batch of no rows when `evenIfEmpty`. */
  flush(evenIfEmpty = false): void {
    this.#copyRegion()
    if (this.#builder.rowCount > 0 || evenIfEmpty) this.#emit(this.#builder.finish())
  }

  #copyRegion(): void {
    if (this.#source === undefined) return
    this.#builder.region(this.#source, this.#from, this.#to)
    // The next row may lie in the same buffer, behind what was copied.
    this.#source = undefined
  }
}

function readLength(buffer: Uint8Array, at: number, width: number): number {
  let length = 0
  for (let i = width - 1; i >= 0; i--) length = length * 256 + buffer[at + i]!
  return length
}
