import { AirlockError } from '../errors/index.js'
import { TIMED_OUT, withinDeadline } from './deadline.js'

/** Stores one batch of items and gives one result per item, in order; rejects when none of them may be acknowledged. */
export interface BatchWriterPort<T, R> {
  commit(items: readonly T[]): Promise<readonly R[]>
}

export interface GroupCommitterOptions {
  /** What happens to a new item when the queue is full: `reject` it, or drop the oldest one that waits. */
  readonly whenFull: 'reject' | 'drop-oldest'
  readonly maxQueueEvents: number
  readonly maxQueueBytes: number
  readonly maxBatchEvents: number
  readonly maxBatchBytes: number
  /** A batch that takes longer is given up: its items and all that wait are rejected. */
  readonly commitTimeoutMs: number
  /** Told once per item that was given up without an acknowledgement. */
  onDropped(count: number): void
}

interface Entry<T, R> {
  readonly item: T
  readonly bytes: number
  readonly resolve: (result: R) => void
  readonly reject: (error: unknown) => void
}

/** Group commit: callers hand in finished items, one flusher writes them in batches and settles them in order. While one
 * batch is written the next one gathers, so batches grow with the load and no timer delays a lone item. Bounded in
 * items and bytes. Rejections are AirlockError AUDIT_UNAVAILABLE or what the writer threw. */
export class GroupCommitter<T, R> {
  readonly #writer: BatchWriterPort<T, R>
  readonly #options: GroupCommitterOptions
  #queue: Entry<T, R>[] = []
  #first = 0
  #queuedBytes = 0
  #flusher: Promise<void> | undefined
  #stalled: Promise<unknown> | undefined
  #closed = false
  #batches = 0

  constructor(writer: BatchWriterPort<T, R>, options: GroupCommitterOptions) {
    this.#writer = writer
    this.#options = options
  }

  get queuedEvents(): number {
    return this.#queue.length - this.#first
  }

  get queuedBytes(): number {
    return this.#queuedBytes
  }

  get batches(): number {
    return this.#batches
  }

  /** Queues an item of `bytes` bytes; settles when its batch is stored or given up. */
  submit(item: T, bytes: number): Promise<R> {
    return new Promise<R>((resolve, reject) => {
      this.#accept({ item, bytes, resolve, reject })
    })
  }

  /** Queues an item that nobody waits for. What cannot be stored is counted through `onDropped`. */
  post(item: T, bytes: number): void {
    this.#accept({ item, bytes, resolve: ignore, reject: ignore })
  }

  /** Waits until everything queued so far is settled. Never rejects. */
  async flush(): Promise<void> {
    while (this.#flusher !== undefined) await this.#flusher
  }

  /** Refuses new items, lets the queue drain for `timeoutMs`, then rejects what is left. Never rejects itself. */
  async close(timeoutMs: number): Promise<void> {
    this.#closed = true
    await withinDeadline(this.flush(), timeoutMs)
    this.#rejectQueued(unavailable())
  }

  #accept(entry: Entry<T, R>): void {
    const refused = this.#closed || this.#stalled !== undefined
    if (refused || (this.#isFull(entry.bytes) && this.#options.whenFull === 'reject')) {
      this.#giveUp(entry, unavailable())
      return
    }
    while (this.#isFull(entry.bytes) && this.queuedEvents > 0) this.#giveUp(this.#shift(), unavailable())
    this.#queue.push(entry)
    this.#queuedBytes += entry.bytes
    this.#flusher ??= this.#run()
  }

  #isFull(bytes: number): boolean {
    const { maxQueueEvents, maxQueueBytes } = this.#options
    return this.queuedEvents >= maxQueueEvents || this.#queuedBytes + bytes > maxQueueBytes
  }

  async #run(): Promise<void> {
    while (this.queuedEvents > 0) {
      // One turn of the event loop: everything that this turn's callers append joins the batch.
      await nextTurn()
      const batch = this.#take()
      if (batch.length > 0) await this.#commit(batch)
    }
    this.#flusher = undefined
  }

  async #commit(batch: readonly Entry<T, R>[]): Promise<void> {
    this.#batches += 1
    const written = this.#writer.commit(batch.map((entry) => entry.item))
    try {
      const outcome = await withinDeadline(written, this.#options.commitTimeoutMs)
      if (outcome === TIMED_OUT) this.#stall(batch, written)
      else for (let i = 0; i < batch.length; i += 1) batch[i]!.resolve(outcome[i]!)
    } catch (error) {
      for (const entry of batch) this.#giveUp(entry, error)
    }
  }

  /** The disk hangs. Nothing can end the write that is under way, so callers are told, and refused until it ends. */
  #stall(batch: readonly Entry<T, R>[], written: Promise<unknown>): void {
    const error = unavailable('ETIMEDOUT')
    for (const entry of batch) this.#giveUp(entry, error)
    this.#rejectQueued(error)
    const over = (): void => {
      this.#stalled = undefined
    }
    this.#stalled = written.then(over, over)
  }

  #take(): Entry<T, R>[] {
    const { maxBatchEvents, maxBatchBytes } = this.#options
    const batch: Entry<T, R>[] = []
    let bytes = 0
    while (this.queuedEvents > 0 && batch.length < maxBatchEvents) {
      const next = this.#queue[this.#first]!
      if (batch.length > 0 && bytes + next.bytes > maxBatchBytes) break
      bytes += next.bytes
      batch.push(this.#shift())
    }
    return batch
  }

  #shift(): Entry<T, R> {
    const entry = this.#queue[this.#first]!
    this.#first += 1
    this.#queuedBytes -= entry.bytes
    if (this.#first === this.#queue.length) {
      this.#queue = []
      this.#first = 0
    } else if (this.#first >= 4096 && this.#first * 2 > this.#queue.length) {
      this.#queue = this.#queue.slice(this.#first)
      this.#first = 0
    }
    return entry
  }

  #rejectQueued(error: AirlockError): void {
    while (this.queuedEvents > 0) this.#giveUp(this.#shift(), error)
  }

  #giveUp(entry: Entry<T, R>, error: unknown): void {
    this.#options.onDropped(1)
    entry.reject(error)
  }
}

function unavailable(origin?: string): AirlockError {
  return new AirlockError('AUDIT_UNAVAILABLE', origin === undefined ? { phase: 'audit' } : { phase: 'audit', origin })
}

function ignore(): void {
  // Posted items have no caller; `onDropped` has already counted a loss.
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}
