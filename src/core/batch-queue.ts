import { AirlockError } from '../errors/index.js'
import type { Batch } from './batch.js'

/** What a `BatchQueue` asks of the source behind it. */
export interface QueueSource {
  /** The budget is used up: stop reading the socket. */
  pause(): void
  /** There is room again. */
  resume(): void
  /** The consumer left before the end (`break`, a throw, `return()`): tear the statement down. Must be bounded. */
  cancel(): Promise<void>
}

/** The pump between a socket and a consumer: batches are pushed as bytes arrive and pulled by `for await`. Never holds
 * more than `budget` bytes plus what one socket read adds: above it the source is paused, below half of it resumed.
 * Ends only by `end()` or `fail()`, so a lost connection cannot look like the end of the rows. One consumer only. */
export class BatchQueue implements AsyncIterable<Batch> {
  #source: QueueSource
  #budget: number
  #batches: Batch[] = []
  #bytes = 0
  #paused = false
  #ended = false
  #failure: Error | undefined
  #wake: (() => void) | undefined
  #taken = false
  #cancelled = false

  constructor(source: QueueSource, budget: number) {
    this.#source = source
    this.#budget = budget
  }

  /** Nothing more is taken: ended, failed or left by its consumer. */
  get closed(): boolean {
    return this.#ended || this.#failure !== undefined
  }

  /** The consumer left, and the source was told. */
  get cancelled(): boolean {
    return this.#cancelled
  }

  push(batch: Batch): void {
    if (this.#ended || this.#failure !== undefined) return
    this.#batches.push(batch)
    this.#bytes += batch.byteLength
    if (!this.#paused && this.#bytes >= this.#budget) {
      this.#paused = true
      this.#source.pause()
    }
    this.#signal()
  }

  /** The server confirmed the end of the rows. After a failure it changes nothing. */
  end(): void {
    this.#ended = true
    this.#signal()
  }

  /** Fails the consumer at once: what is still queued is dropped, because it will be rolled back anyway. The source is
   * read on, lest the server's next answer waits behind a paused socket. */
  fail(error: Error): void {
    if (this.#ended || this.#failure !== undefined) return
    this.#failure = error
    this.#batches = []
    this.#bytes = 0
    this.#resume()
    this.#signal()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Batch, void, undefined> {
    if (this.#taken) throw new AirlockError('SESSION_BUSY', { phase: 'extract' })
    this.#taken = true
    let complete = false
    try {
      for (;;) {
        if (this.#failure !== undefined) throw this.#failure
        const batch = this.#batches.shift()
        if (batch !== undefined) {
          this.#release(batch)
          yield batch
        } else if (this.#ended) {
          complete = true
          return
        } else {
          await new Promise<void>((resolve) => {
            this.#wake = resolve
          })
        }
      }
    } finally {
      if (!complete && this.#failure === undefined) {
        this.fail(new AirlockError('ABORTED', { phase: 'extract' }))
        this.#cancelled = true
        await this.#source.cancel()
      }
    }
  }

  #release(batch: Batch): void {
    this.#bytes -= batch.byteLength
    if (this.#bytes <= this.#budget / 2) this.#resume()
  }

  #resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.#source.resume()
  }

  #signal(): void {
    const wake = this.#wake
    this.#wake = undefined
    wake?.()
  }
}
