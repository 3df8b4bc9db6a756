import { AsyncLocalStorage } from 'node:async_hooks'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'

/** What the answers to one call said. */
export interface HeardAnswers {
  retryAfterMs: number | undefined
}

const LONGEST_SECONDS = 3600

/** Hears the header `Retry-After` (RFC 9110, 10.2.3; whole seconds only) of answers that a client library keeps to itself:
 * undici publishes every answer (https://undici.nodejs.org/#/docs/api/DiagnosticsChannel), and the context in which a
 * request was made says to which call it belongs. Close it to stop listening. */
export class RetryAfterListener {
  readonly #calls = new AsyncLocalStorage<HeardAnswers>()
  readonly #requests = new WeakMap<object, HeardAnswers>()

  constructor() {
    subscribe('undici:request:create', this.#onCreate)
    subscribe('undici:request:headers', this.#onHeaders)
  }

  /** Runs `work`; what its requests were answered is in what it is given. */
  async hear<T>(work: (heard: HeardAnswers) => Promise<T>): Promise<T> {
    const heard: HeardAnswers = { retryAfterMs: undefined }
    return await this.#calls.run(heard, () => work(heard))
  }

  close(): void {
    unsubscribe('undici:request:create', this.#onCreate)
    unsubscribe('undici:request:headers', this.#onHeaders)
  }

  readonly #onCreate = (message: unknown): void => {
    const heard = this.#calls.getStore()
    const { request } = message as { readonly request: object }
    if (heard !== undefined) this.#requests.set(request, heard)
  }

  readonly #onHeaders = (message: unknown): void => {
    const { request, response } = message as {
      readonly request: object
      readonly response: { readonly headers: readonly (Uint8Array | string)[] }
    }
    const heard = this.#requests.get(request)
    if (heard === undefined) return
    const texts = response.headers.map((part) =>
      typeof part === 'string' ? part : Buffer.from(part).toString('latin1'),
    )
    const at = texts.findIndex((text, index) => index % 2 === 0 && text.toLowerCase() === 'retry-after')
    heard.retryAfterMs = at === -1 ? undefined : retryAfterMs(texts[at + 1])
  }
}

/** Milliseconds of a `Retry-After` in whole seconds, an hour at most; undefined for anything else. */
export function retryAfterMs(value: string | undefined): number | undefined {
  if (value === undefined || !/^\d{1,6}$/.test(value.trim())) return undefined
  return Math.min(Number(value), LONGEST_SECONDS) * 1000
}
