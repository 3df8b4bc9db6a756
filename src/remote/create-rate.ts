import { type Wait, waitFor } from './fault-retry.js'
import { SandboxFault } from './sandbox-fault.js'

export interface CreateRateOptions {
  /** Sandboxes at one time. */
  readonly concurrent: number
  /** New ones a second. */
  readonly perSecond: number
  /** Milliseconds of a clock that only goes forward. */
  readonly now?: () => number
  readonly wait?: Wait
}

/** A place among the sandboxes that may exist at one time; it is free again once this is disposed of. */
export type Place = AsyncDisposable

/** Keeps to the limits of a plan: how many sandboxes there are at one time, and how many are created a second. Asking and
 * taking is one synchronous step, so that nobody comes between. */
export class CreateRate {
  readonly #options: CreateRateOptions
  readonly #waiting: (() => void)[] = []
  #taken = 0
  #nextTurn = Number.NEGATIVE_INFINITY

  constructor(options: CreateRateOptions) {
    this.#options = options
  }

  /** Places that are taken. */
  get taken(): number {
    return this.#taken
  }

  /** Whether whoever asks now need not wait. */
  get isFree(): boolean {
    return this.#taken < this.#options.concurrent
  }

  /** Waits for a place, first come, first served. Throws SandboxFault `aborted`. */
  async reserve(signal: AbortSignal): Promise<Place> {
    if (signal.aborted) throw new SandboxFault('aborted')
    if (this.isFree) this.#taken++
    else await this.#handedOver(signal)
    return this.#place()
  }

  /** Waits until one more sandbox may be created. Throws SandboxFault `aborted`. */
  async turn(signal: AbortSignal): Promise<void> {
    if (signal.aborted) throw new SandboxFault('aborted')
    const { perSecond, now = () => performance.now(), wait = waitFor } = this.#options
    const at = Math.max(now(), this.#nextTurn)
    this.#nextTurn = at + 1000 / perSecond
    const ms = at - now()
    if (ms > 0) await wait(ms, signal)
  }

  #place(): Place {
    let isFree = false
    return {
      [Symbol.asyncDispose]: async () => {
        if (isFree) return
        isFree = true
        const next = this.#waiting.shift()
        // Whoever waits takes the place over, so it is not free in between.
        if (next === undefined) this.#taken--
        else next()
      },
    }
  }

  async #handedOver(signal: AbortSignal): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const take = () => {
        signal.removeEventListener('abort', abort)
        resolve()
      }
      const abort = () => {
        this.#waiting.splice(this.#waiting.indexOf(take), 1)
        reject(new SandboxFault('aborted'))
      }
      signal.addEventListener('abort', abort, { once: true })
      this.#waiting.push(take)
    })
  }
}
