import type { CopyIn } from './copy-in.js'

/** The COPY statements of one write, one after the other, of which only the last is under way. */
export class CopySeries {
  #open: (text: string) => CopyIn
  #current: CopyIn
  #confirmed = 0

  /** Starts the first one. */
  constructor(open: (text: string) => CopyIn, text: string) {
    this.#open = open
    this.#current = open(text)
  }

  /** The one that takes rows. */
  get current(): CopyIn {
    return this.#current
  }

  /** Ends the current one and starts another; resolves when the server accepts rows for it. */
  async next(text: string): Promise<void> {
    this.#current.finish()
    this.#confirmed += await this.#current.done
    this.#current = this.#open(text)
    await this.#current.ready
  }

  /** Ends the last one; resolves with the rows that the server has confirmed for all of them. */
  async finish(): Promise<number> {
    this.#current.finish()
    return this.#confirmed + (await this.#current.done)
  }

  /** Makes the server drop the rows of the current one; resolves when it has. Those before it go with the transaction. */
  async abandon(): Promise<void> {
    const { current } = this
    current.abandon()
    // Rejects when the server has dropped the rows; which error it gives for that is of no interest.
    await current.done.then(undefined, () => undefined)
  }
}
