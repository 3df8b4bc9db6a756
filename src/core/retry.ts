import { setTimeout as sleep } from 'node:timers/promises'
import { AirlockError } from '../errors/index.js'
import { abortError } from './errors-at-boundary.js'

/** How often and how patiently something is repeated. */
export interface RetryPolicy {
  /** Attempts after the first one. */
  readonly retries: number
  /** Longest wait before the first retry, in milliseconds (500); it doubles with each. */
  readonly baseMs?: number
  /** Longest wait before any retry (15,000). */
  readonly capMs?: number
  /** Longest wait in all (60,000): what would go beyond it is not tried. */
  readonly budgetMs?: number
  /** 0 to 1; for tests. */
  readonly random?: () => number
}

export interface RetryOptions extends RetryPolicy {
  readonly signal: AbortSignal
  /** Whether repeating is right after this error: the caller knows what may have been changed. */
  mayRepeat(error: AirlockError): boolean
  /** Told before each wait. `attempt` counts from 1 and is the one that failed. */
  onRetry?(error: AirlockError, attempt: number, waitMs: number): void
}

/** Runs `work` until it succeeds, may not be repeated, or the retries or their time are used up; then throws its last
 * error. Waits are random between zero and a limit that doubles ("full jitter"), so that many that failed together do
 * not come back together. Only an AirlockError is ever repeated, by its code; an abort ends a wait with the abort's error. */
export async function withRetries<T>(work: (attempt: number) => Promise<T>, options: RetryOptions): Promise<T> {
  const { retries, baseMs = 500, capMs = 15_000, budgetMs = 60_000, random = Math.random, signal } = options
  let waited = 0
  for (let attempt = 1; ; attempt++) {
    try {
      return await work(attempt)
    } catch (error) {
      if (!(error instanceof AirlockError) || attempt > retries || signal.aborted) throw error
      const waitMs = Math.round(random() * Math.min(capMs, baseMs * 2 ** (attempt - 1)))
      if (waited + waitMs > budgetMs || !options.mayRepeat(error)) throw error
      waited += waitMs
      options.onRetry?.(error, attempt, waitMs)
      await pause(waitMs, signal)
    }
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await sleep(ms, undefined, { signal })
  } catch {
    throw abortError(signal, 'run')
  }
}
