import { type Batch, type Column, NULL_CELL, PackedBatch } from '../../../core/batch.js'
import { AirlockError } from '../../../errors/index.js'
import type { PostgresPolicies } from './policies.js'

/** U+0000 in JSON text, behind an even number of backslashes. */
const ESCAPED = /(?<!\\)((?:\\\\)*)\\u0000/g

/** Applies the policy `nul` to whole batches, for rows that are summed as they will be stored. A batch without a NUL goes
 * through as it is. */
export class NulCleaner {
  /** NULs taken out or replaced. */
  count = 0
  #columns: readonly Column[]
  #nul: PostgresPolicies['nul']

  constructor(columns: readonly Column[], { nul }: PostgresPolicies) {
    this.#columns = columns
    this.#nul = nul
  }

  /** Throws VALUE_POLICY where the policy is `reject`. */
  apply(batch: Batch): Batch {
    const { data, spans } = batch
    const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength)
    const width = this.#columns.length
    const cleaned: Buffer[] = []
    let out: Uint32Array | undefined
    let length = data.byteLength
    for (const [column, { type }] of this.#columns.entries()) {
      if (type.kind === 'bytes') continue
      const needle = type.kind === 'json' && type.storage !== 'json' ? '\\u0000' : '\0'
      for (let at = column * 2; at < spans.length; at += width * 2) {
        const start = spans[at]!
        const end = spans[at + 1]!
        if (start === NULL_CELL || !bytes.subarray(start, end).includes(needle)) continue
        const cell = Buffer.from(this.#clean(bytes.toString('latin1', start, end), needle, column), 'latin1')
        out ??= spans.slice()
        out[at] = length
        out[at + 1] = length + cell.length
        length += cell.length
        cleaned.push(cell)
      }
    }
    if (out === undefined) return batch
    return new PackedBatch(batch.columns, batch.rowCount, Buffer.concat([bytes, ...cleaned]), out, () =>
      batch.release?.(),
    )
  }

  #clean(text: string, needle: string, column: number): string {
    const substitute = this.#nul === 'replace' ? '?' : ''
    const count = (found: string): string => {
      this.count++
      return found
    }
    const clean =
      needle === '\0'
        ? text.replaceAll(needle, () => count(substitute))
        : text.replace(ESCAPED, (_, slashes: string) => count(`${slashes}${substitute}`))
    if (this.#nul === 'reject' && clean !== text) {
      throw new AirlockError('VALUE_POLICY', { phase: 'write', params: { at: this.#columns[column]!.name } })
    }
    return clean
  }
}
