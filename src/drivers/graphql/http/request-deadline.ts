import { AirlockError } from '../../../errors/index.js'

/** Bounds of one request in milliseconds. */
export interface RequestLimits {
  /** From its beginning to the end of its answer; without it as long as bytes come. */
  readonly totalMs?: number | undefined
  /** How long nothing may come. */
  readonly silenceMs: number
}

/** The signal of one request: aborts with the caller's, with the session's, and with DEADLINE_EXCEEDED at its bounds.
 * Leaves no listener and no timer behind. */
export class RequestDeadline implements Disposable {
  readonly #controller = new AbortController()
  readonly #sources: readonly AbortSignal[]
  readonly #total: NodeJS.Timeout | undefined
  readonly #silence: NodeJS.Timeout
  readonly #forward = (event: Event): void => this.#controller.abort((event.target as AbortSignal).reason)

  constructor({ totalMs, silenceMs }: RequestLimits, ...sources: readonly AbortSignal[]) {
    this.#sources = sources
    const end = () => this.#controller.abort(new AirlockError('DEADLINE_EXCEEDED', { phase: 'query' }))
    this.#total = totalMs === undefined ? undefined : setTimeout(end, totalMs)
    this.#silence = setTimeout(end, silenceMs)
    for (const source of sources) {
      if (source.aborted) this.#controller.abort(source.reason)
      else source.addEventListener('abort', this.#forward, { once: true })
    }
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** Something came. */
  heard(): void {
    this.#silence.refresh()
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#total)
    clearTimeout(this.#silence)
    for (const source of this.#sources) source.removeEventListener('abort', this.#forward)
  }
}
