import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks'

/** How late timers were while a run went on, in milliseconds: what progress, aborts and leases had to wait. */
export interface LoopDelayFigures {
  readonly p99: number
  readonly max: number
}

const RESOLUTION_MS = 10

/** Measures how long the event loop is held up. */
export class LoopDelay implements Disposable {
  readonly #histogram: IntervalHistogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS })

  constructor() {
    this.#histogram.enable()
  }

  /** Since it was made; zero where there was no time to see anything. */
  read(): LoopDelayFigures {
    // What is measured is the time between two timers, of which the resolution was asked for.
    const late = (nanoseconds: number) => Math.max(0, Math.round(nanoseconds / 1e5 - RESOLUTION_MS * 10) / 10)
    if (this.#histogram.count === 0) return { p99: 0, max: 0 }
    return { p99: late(this.#histogram.percentile(99)), max: late(this.#histogram.max) }
  }

  [Symbol.dispose](): void {
    this.#histogram.disable()
  }
}
