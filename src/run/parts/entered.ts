import { Semaphore } from 'async-mutex'

/** Readers that are in one snapshot which nobody can enter any more: nobody takes the place of one that is lost, and what it
 * has not read the others do. */
export class Entered<R> {
  #free: R[]
  #answers: (reader: R) => Promise<boolean>
  /** As many places as there are readers left. */
  #places: Semaphore
  #count: number
  #left: number
  #lost: unknown

  /** `answers` says of a reader that has failed whether it can go on. */
  constructor(readers: readonly R[], answers: (reader: R) => Promise<boolean>) {
    this.#free = [...readers]
    this.#answers = answers
    this.#count = readers.length
    this.#left = readers.length
    this.#places = new Semaphore(readers.length)
  }

  /** Whether all are lost. */
  get isOver(): boolean {
    return this.#left === 0
  }

  /** Waits for a reader. Throws what `work` throws, and where all are lost what the last one has thrown. */
  async lend<T>(work: (reader: R) => Promise<T>): Promise<T> {
    const [, leave] = await this.#places.acquire()
    const reader = this.#free.pop()
    if (reader === undefined) {
      leave()
      throw this.#lost
    }
    try {
      const result = await work(reader)
      this.#giveBack(reader, leave)
      return result
    } catch (error) {
      if (await this.#answers(reader)) this.#giveBack(reader, leave)
      else this.#forget(error)
      throw error
    }
  }

  #giveBack(reader: R, leave: () => void): void {
    this.#free.push(reader)
    leave()
  }

  /** Its place is not left, but for the last: then all who wait are to hear of it. */
  #forget(error: unknown): void {
    this.#left--
    this.#lost = error
    if (this.#left === 0) this.#places.setValue(this.#count)
  }
}
