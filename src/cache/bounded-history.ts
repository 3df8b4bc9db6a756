import { AirlockError } from '../errors/index.js'

/** The latest items of a sequence without end: a ring of fixed capacity. Adding takes constant time, and what fell out is
 * counted. */
export class BoundedHistory<T> {
  readonly capacity: number
  #ring: T[] = []
  #next = 0
  #total = 0

  /** Throws CONFIG_INVALID for a capacity that is no positive integer. */
  constructor(capacity = 100) {
    if (!Number.isSafeInteger(capacity) || capacity < 1) {
      const params = { at: 'history capacity', problem: 'it must be a positive integer' }
      throw new AirlockError('CONFIG_INVALID', { phase: 'cache', params })
    }
    this.capacity = capacity
  }

  /** How many are kept. */
  get size(): number {
    return this.#ring.length
  }

  /** How many were added and fell out again. */
  get dropped(): number {
    return this.#total - this.#ring.length
  }

  push(item: T): void {
    this.#ring[this.#next] = item
    this.#next = (this.#next + 1) % this.capacity
    this.#total++
  }

  /** A copy, oldest first; later pushes do not change it. */
  items(): readonly T[] {
    const start = this.#ring.length < this.capacity ? 0 : this.#next
    return Object.freeze([...this.#ring.slice(start), ...this.#ring.slice(0, start)])
  }
}
