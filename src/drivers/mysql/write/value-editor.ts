import { type Batch, type Column, NULL_CELL, PackedBatch } from '../../../core/batch.js'
import { AirlockError } from '../../../errors/index.js'
import type { ColumnSlot } from './column-slot.js'
import type { CellEdit } from './value-rule.js'

/** What becomes of NULL in a column that is part of the key. */
export type NullKeys = 'reject' | 'match'

/** Applies the rules of a write's columns to its batches: what leaves it is what the target will hold. Batches that need no
 * change go through as they are; changed cells lie behind the batch's own bytes. Throws what the rules throw, KEY_NULL and
 * CONSTRAINT_VIOLATED. */
export class ValueEditor {
  #columns: readonly Column[]
  #slots: readonly ColumnSlot[]
  /** Columns whose NULLs are refused, as part of the key or because the target does. */
  #nullIn: readonly ('key' | 'required' | undefined)[]
  #edit = new Edit()

  constructor(
    slots: readonly ColumnSlot[],
    columns: readonly Column[],
    options: { readonly key: readonly string[]; readonly nullKeys: NullKeys },
  ) {
    this.#slots = slots
    this.#columns = columns.map((column, index) => ({ ...column, type: slots[index]!.stored }))
    this.#nullIn = slots.map(({ name, notNull }) => {
      if (options.nullKeys === 'reject' && options.key.includes(name)) return 'key'
      return notNull ? 'required' : undefined
    })
  }

  /** The columns as they are stored. */
  get columns(): readonly Column[] {
    return this.#columns
  }

  /** The batch as it is written. */
  apply(batch: Batch): Batch {
    const { data, spans } = batch
    const slots = this.#slots
    const width = slots.length
    const edit = this.#edit
    edit.begin(data.length)
    let changed: Uint32Array | undefined
    for (let column = 0; column < width; column++) {
      const { rule } = slots[column]!
      const nullIn = this.#nullIn[column]
      if (rule === undefined && nullIn === undefined) continue
      for (let row = 0, at = column * 2; row < batch.rowCount; row++, at += width * 2) {
        const start = spans[at]!
        if (start === NULL_CELL) {
          if (nullIn !== undefined) throw this.#refuseNull(column)
          continue
        }
        if (rule === undefined) continue
        const end = spans[at + 1]!
        edit.take(start, end)
        rule(edit, data, start, end)
        if (!edit.touched) continue
        if (edit.start === NULL_CELL && nullIn !== undefined) throw this.#refuseNull(column)
        changed ??= spans.slice()
        changed[at] = edit.start
        changed[at + 1] = edit.end
      }
    }
    const bytes = edit.finish(data)
    if (changed === undefined && bytes === data) return batch
    return new PackedBatch(this.#columns, batch.rowCount, bytes, changed ?? spans, () => batch.release?.())
  }

  #refuseNull(column: number): AirlockError {
    const { name } = this.#slots[column]!
    return this.#nullIn[column] === 'key'
      ? new AirlockError('KEY_NULL', { phase: 'write', params: { problem: `column ${name}` } })
      : new AirlockError('CONSTRAINT_VIOLATED', { phase: 'write', origin: 'MYSQL_1048' })
  }
}

/** The edit of one cell after the other, with one buffer for all that is replaced. */
class Edit implements CellEdit {
  start = 0
  end = 0
  touched = false
  #base = 0
  #tail = Buffer.allocUnsafeSlow(4096)
  #length = 0

  begin(base: number): void {
    this.#base = base
    this.#length = 0
  }

  take(start: number, end: number): void {
    this.start = start
    this.end = end
    this.touched = false
  }

  cut(end: number): void {
    this.touched = true
    this.end = end
  }

  replace(value: Uint8Array | string): void {
    this.touched = true
    const room = typeof value === 'string' ? value.length * 3 : value.length
    if (this.#length + room > this.#tail.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(this.#length + room, this.#tail.length * 2))
      this.#tail.copy(larger, 0, 0, this.#length)
      this.#tail = larger
    }
    this.start = this.#base + this.#length
    if (typeof value === 'string') this.#length += this.#tail.write(value, this.#length)
    else {
      this.#tail.set(value, this.#length)
      this.#length += value.length
    }
    this.end = this.#base + this.#length
  }

  null(): void {
    this.touched = true
    this.start = NULL_CELL
    this.end = NULL_CELL
  }

  /** The batch's bytes with what was replaced behind them. */
  finish(data: Uint8Array): Uint8Array {
    if (this.#length === 0) return data
    const all = Buffer.allocUnsafeSlow(data.length + this.#length)
    all.set(data)
    all.set(this.#tail.subarray(0, this.#length), data.length)
    return all
  }
}
