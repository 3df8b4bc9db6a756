import { type Batch, NULL_CELL } from '../../../core/batch.js'
import { AirlockError } from '../../../errors/index.js'
import type { LoadPlan } from './load-plan.js'

/** Looks for NULL in the key of rows on their way: such a row would be inserted again by each run. */
export class KeyWatch {
  #names: readonly string[]
  #places: readonly number[]

  constructor({ key, columns, policies }: LoadPlan) {
    this.#names = policies.null_keys === 'match' ? [] : key
    this.#places = this.#names.map((name) => columns.findIndex((column) => column.name === name))
  }

  /** Throws KEY_NULL, which names the column. */
  check(batch: Batch): void {
    const width = batch.columns.length * 2
    for (const [index, place] of this.#places.entries()) {
      for (let row = 0; row < batch.rowCount; row++) {
        if (batch.spans[row * width + place * 2] !== NULL_CELL) continue
        const params = { problem: `column ${this.#names[index]}` }
        throw new AirlockError('KEY_NULL', { phase: 'write', params })
      }
    }
  }
}
