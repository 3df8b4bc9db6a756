import { answers } from '../../core/session-answers.js'
import type { Lease } from '../../core/session-pool.js'
import type { HeldSnapshot } from '../../core/shared-snapshot.js'
import { AirlockError } from '../../errors/index.js'
import type { Ends, SessionPools } from '../session-pools.js'

/** Readers that are in a snapshot which another session holds: one that is lost is replaced by another. Each stays in it for
 * all that it reads, and so keeps its lock of the table: who enters later waits behind those who wait to alter the table. */
export class Kept implements AsyncDisposable {
  #pools: SessionPools
  #held: HeldSnapshot
  #isHeld: () => Promise<boolean>
  #free: Lease[]
  #isOver = false
  #isElsewhere = false

  /** `isHeld` asks whether the session that holds it still answers; no more than these readers are lent at one time. */
  constructor(pools: SessionPools, held: HeldSnapshot, isHeld: () => Promise<boolean>, readers: readonly Lease[]) {
    this.#pools = pools
    this.#held = held
    this.#isHeld = isHeld
    this.#free = [...readers]
  }

  /** Whether nobody holds it any more. */
  get isOver(): boolean {
    return this.#isOver
  }

  /** Whether a session could not enter it though it is there. */
  get isElsewhere(): boolean {
    return this.#isElsewhere
  }

  /** Lends a reader with a session of the target. Throws what `work` throws, and CONNECTION_LOST where nobody can enter it. */
  async lend<T>(signal: AbortSignal, work: (ends: Ends) => Promise<T>): Promise<T> {
    const lease = this.#free.pop() ?? (await this.#enter(signal))
    const source = lease.session
    try {
      const result = await this.#pools.useOne('target', signal, (target) => work({ source, target }))
      this.#free.push(lease)
      return result
    } catch (error) {
      if (await answers(source)) this.#free.push(lease)
      else await lease.release(false)
      throw error
    }
  }

  /** Gives the readers back, of which none is lent any more. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#free.splice(0).map((lease) => lease.release(true)))
  }

  async #enter(signal: AbortSignal): Promise<Lease> {
    const lease = await this.#pools.lease('source', signal)
    let isIn = false
    try {
      isIn = await lease.session.enterSnapshot(this.#held, signal)
    } finally {
      if (!isIn) await lease.release(false)
    }
    if (isIn) return lease
    if (await this.#isHeld()) this.#isElsewhere = true
    else this.#isOver = true
    throw new AirlockError('CONNECTION_LOST', { phase: 'extract' })
  }
}
