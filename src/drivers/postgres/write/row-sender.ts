import type { Batch } from '../../../core/batch.js'
import type { Form } from './binary/form-of.js'
import { CopyBinaryEncoder } from './copy-binary-encoder.js'
import { CopyTextEncoder, type RowEncoder } from './copy-encoder.js'
import type { CopySeries } from './copy-series.js'
import type { LoadPlan } from './load-plan.js'

/** Encodes batches and sends their frames: in binary format as long as every cell is in the plain form of its type. From
 * the first row that has another one on, rows go as text through a COPY of its own, so that the server takes or refuses
 * such a cell as it always did. */
export class RowSender {
  #load: LoadPlan
  #copies: CopySeries
  #textCopy: string
  #frames: Buffer[] = []
  #encoder: RowEncoder
  #before = { rows: 0, bytes: 0, nuls: 0 }

  /** `forms` undefined: all rows as text. `textCopy` is the statement that takes text. */
  constructor(load: LoadPlan, forms: readonly Form[] | undefined, copies: CopySeries, textCopy: string) {
    this.#load = load
    this.#copies = copies
    this.#textCopy = textCopy
    const emit = (frame: Buffer) => void this.#frames.push(frame)
    this.#encoder =
      forms === undefined
        ? new CopyTextEncoder(load.columns, load.policies, emit)
        : new CopyBinaryEncoder(load.columns, forms, load.policies, emit)
  }

  get rows(): number {
    return this.#before.rows + this.#encoder.rowsSent
  }

  /** Of rows, without what frames them. */
  get bytes(): number {
    return this.#before.bytes + this.#encoder.bytesSent
  }

  get nulBytes(): number {
    return this.#before.nuls + this.#encoder.nulBytes
  }

  async put(batch: Batch): Promise<void> {
    const done = this.#encoder.encode(batch)
    if (done < batch.rowCount) {
      await this.#goOnAsText()
      this.#encoder.encode(batch, done)
    }
    // Its cells are in frames now.
    batch.release?.()
    await this.#send()
  }

  /** Sends what is still open. */
  async end(): Promise<void> {
    this.#encoder.end()
    await this.#send()
  }

  async #goOnAsText(): Promise<void> {
    await this.end()
    await this.#copies.next(this.#textCopy)
    this.#before = { rows: this.rows, bytes: this.bytes, nuls: this.nulBytes }
    this.#encoder = new CopyTextEncoder(this.#load.columns, this.#load.policies, (frame) => this.#frames.push(frame))
  }

  async #send(): Promise<void> {
    const encoder = this.#encoder
    const copy = this.#copies.current
    for (const frame of this.#frames.splice(0)) {
      if (!copy.send(frame, () => encoder.recycle(frame))) await copy.drained()
    }
  }
}
