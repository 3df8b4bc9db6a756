import { setTimeout as sleep } from 'node:timers/promises'
import { AirlockError } from '../../../errors/index.js'

export interface PaceOptions {
  readonly requestsPerSecond: number | undefined
  /** No single wait is longer. */
  readonly maxWaitMs: number
}

/** When the next request may go: by the rate that is configured, by what the last answers said of the budget left, and
 * never sooner than the server asked for. */
export class Pace {
  readonly #intervalMs: number
  readonly #maxWaitMs: number
  /** By `performance.now()`. */
  #next = 0
  #notBefore = 0

  constructor({ requestsPerSecond, maxWaitMs }: PaceOptions) {
    this.#intervalMs = requestsPerSecond === undefined ? 0 : 1000 / requestsPerSecond
    this.#maxWaitMs = maxWaitMs
  }

  /** Resolves when a request may be sent. Throws RATE_LIMITED where that would be later than `max_wait_ms` from now. */
  async turn(signal: AbortSignal): Promise<void> {
    const now = performance.now()
    if (this.#notBefore - now > this.#maxWaitMs) throw new AirlockError('RATE_LIMITED', { phase: 'query' })
    const at = Math.max(now, this.#next, this.#notBefore)
    this.#next = at + this.#intervalMs
    if (at > now) await sleep(at - now, undefined, { signal })
  }

  /** Nobody sends before `ms` from now. */
  hold(ms: number): void {
    this.#notBefore = Math.max(this.#notBefore, performance.now() + ms)
  }

  /** Learns from an answer: `extensions.cost` as Shopify has it, and the headers `x-ratelimit-*` as GitHub has them. */
  observe(headers: Readonly<Record<string, string | string[] | undefined>>, extensions: unknown): void {
    const wait = Math.max(costWait(extensions), resetWait(headers))
    if (wait > 0) this.hold(wait)
  }
}

/** Milliseconds until the bucket holds what the last request has cost. */
function costWait(extensions: unknown): number {
  const cost = field(extensions, 'cost')
  const status = field(cost, 'throttleStatus')
  const [needed, available, rate, most] = [
    field(cost, 'requestedQueryCost') ?? field(cost, 'actualQueryCost'),
    field(status, 'currentlyAvailable'),
    field(status, 'restoreRate'),
    field(status, 'maximumAvailable'),
  ].map(Number) as [number, number, number, number]
  if (!(needed > available) || !(rate > 0)) return 0
  const reachable = most > 0 ? Math.min(needed, most) : needed
  return Math.max(0, ((reachable - available) / rate) * 1000)
}

/** Milliseconds until the budget is renewed, where nothing of it is left. */
function resetWait(headers: Readonly<Record<string, string | string[] | undefined>>): number {
  if (headers['x-ratelimit-remaining'] !== '0') return 0
  const seconds = Number(headers['x-ratelimit-reset'] ?? Number.NaN)
  return seconds > 1_000_000_000 ? Math.max(0, seconds * 1000 - Date.now()) : 0
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? (value as Record<string, unknown>)[name]
    : undefined
}
