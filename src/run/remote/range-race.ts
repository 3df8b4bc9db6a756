import { setTimeout as sleep } from 'node:timers/promises'
import { RemoteFailure } from '../../remote/remote-failure.js'
import { leftBehindAfter } from './straggler.js'

const CHECK_MS = 250

export interface RangeRaceOptions {
  /** Ranges that this run reads. */
  readonly total: number
  /** How long a range may take in any case, in milliseconds. */
  readonly leastMs: number
  /** Whether a further job would begin at once. */
  readonly hasRoom: () => boolean
  readonly signal: AbortSignal
}

/** What a job is told of the race that it runs in. */
export interface Runner {
  /** For how long the range had been read when this copy of its job was begun, in seconds; undefined for the first. */
  readonly copiedAfter: number | undefined
  /** Aborted with the event `partition.outrun` when the other one has won. */
  readonly signal: AbortSignal
  /** Called when the worker begins; each attempt's time counts from there. */
  readonly begin: () => void
}

interface Running<T> {
  readonly ended: Promise<T>
  readonly stop: AbortController
  /** Milliseconds since its worker began; undefined before. */
  ms(): number | undefined
}

/** The ranges of one stream, of which those that are left behind get a second job while a place is idle: the first of both
 * that brings the range wins, and the other is ended. Which table counts where both bring it is decided by the target. */
export class RangeRace {
  readonly #options: RangeRaceOptions
  readonly #finishedMs: number[] = []

  constructor(options: RangeRaceOptions) {
    this.#options = options
  }

  /** Reads one range by the jobs that `start` makes, and gives what the winner came to, or the first where none won. No job
   * of it is at work any more when this is over. Rejects with what a job rejects with. */
  async run<T extends { readonly won: boolean }>(start: (runner: Runner) => Promise<T>): Promise<T> {
    const first = this.#start(start, undefined)
    const ms = await this.#leftBehind(first)
    if (ms === undefined) return this.#counted(first, await first.ended)
    const copy = this.#start(start, Math.round(ms / 1000))
    const both = [first, copy]
    try {
      const sooner = await Promise.race(both.map(async (one) => ({ one, end: await one.ended })))
      if (sooner.end.won) return this.#counted(sooner.one, sooner.end)
      const later = sooner.one === first ? copy : first
      const end = await later.ended
      return end.won ? this.#counted(later, end) : await first.ended
    } finally {
      for (const { stop } of both) stop.abort(new RemoteFailure('partition.outrun', 'outrun', false))
      await Promise.allSettled(both.map(({ ended }) => ended))
    }
  }

  #start<T>(start: (runner: Runner) => Promise<T>, copiedAfter: number | undefined): Running<T> {
    const stop = new AbortController()
    let begun: number | undefined
    const begin = () => {
      begun = performance.now()
    }
    const signal = AbortSignal.any([this.#options.signal, stop.signal])
    const ended = start({ copiedAfter, signal, begin })
    return { ended, stop, ms: () => (begun === undefined ? undefined : performance.now() - begun) }
  }

  #counted<T extends { readonly won: boolean }>(running: Running<T>, end: T): T {
    const ms = running.ms()
    if (end.won && ms !== undefined) this.#finishedMs.push(ms)
    return end
  }

  /** Waits until a range is left behind and a further job can begin: for how long it has been read. Undefined where it is
   * done before. */
  async #leftBehind(running: Running<unknown>): Promise<number | undefined> {
    const { total, leastMs, hasRoom, signal } = this.#options
    const over = new AbortController()
    const end = () => over.abort()
    void running.ended.then(end, end)
    for (;;) {
      await sleep(CHECK_MS, undefined, { signal: over.signal }).catch(ended)
      if (over.signal.aborted) return undefined
      const ms = running.ms()
      const after = leftBehindAfter({ finishedMs: this.#finishedMs, total, leastMs })
      if (ms !== undefined && after !== undefined && ms > after && hasRoom() && !signal.aborted) return ms
    }
  }
}

function ended(): void {
  // A wait that was ended early is over.
}
