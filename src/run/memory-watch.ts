import { AirlockError } from '../errors/index.js'

/** How often memory is looked at. A batch that takes longer to arrive is bounded by its own limits. */
const INTERVAL_MS = 100

/** Aborts what uses its signal once this process has more memory than it may (resident set size, in bytes). */
export class MemoryWatch implements Disposable {
  readonly #ending = new AbortController()
  readonly #timer: NodeJS.Timeout | undefined

  /** Without a limit it watches nothing. */
  constructor(limitBytes: number | undefined, used: () => number = process.memoryUsage.rss) {
    if (limitBytes === undefined) return
    this.#timer = setInterval(() => {
      if (used() <= limitBytes) return
      clearInterval(this.#timer)
      const megabytes = Math.floor(limitBytes / (1024 * 1024))
      this.#ending.abort(new AirlockError('MEMORY_LIMIT', { phase: 'run', params: { megabytes } }))
    }, INTERVAL_MS)
    this.#timer.unref()
  }

  /** Aborted with MEMORY_LIMIT. */
  get signal(): AbortSignal {
    return this.#ending.signal
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
  }
}
