import { AirlockError } from '../../errors/index.js'

/** The signal of one request: aborts with the caller's, with the session's, and with DEADLINE_EXCEEDED after `ms`. Leaves
 * no listener and no timer behind. */
export class RequestDeadline implements Disposable {
  readonly #controller = new AbortController()
  readonly #sources: readonly AbortSignal[]
  readonly #timer: NodeJS.Timeout
  readonly #forward = (event: Event): void => this.#controller.abort((event.target as AbortSignal).reason)

  constructor(ms: number, ...sources: readonly AbortSignal[]) {
    this.#sources = sources
    this.#timer = setTimeout(() => {
      this.#controller.abort(new AirlockError('DEADLINE_EXCEEDED', { phase: 'query' }))
    }, ms)
    for (const source of sources) {
      if (source.aborted) this.#controller.abort(source.reason)
      else source.addEventListener('abort', this.#forward, { once: true })
    }
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer)
    for (const source of this.#sources) source.removeEventListener('abort', this.#forward)
  }
}
