import { describe, expect, it } from 'vitest'
import { type RetryOptions, withRetries } from '../../src/core/retry.js'
import { AirlockError } from '../../src/errors/index.js'

const never = new AbortController().signal

/** Work that fails with these codes, one an attempt, then succeeds. */
function failing(...codes: ConstructorParameters<typeof AirlockError>[0][]) {
  let attempts = 0
  const work = async (attempt: number) => {
    attempts++
    expect(attempt).toBe(attempts)
    const code = codes[attempt - 1]
    if (code !== undefined) throw new AirlockError(code)
    return 'done'
  }
  return { work, attempts: () => attempts }
}

const options = (more: Partial<RetryOptions> = {}): RetryOptions => ({
  retries: 2,
  baseMs: 1,
  signal: never,
  mayRepeat: (error) => error.retryable,
  ...more,
})

describe('retries', () => {
  // Broken once: `attempt > retries` as `attempt >= retries`.
  it('repeats by code, up to the number of retries, and throws the last error', async () => {
    const twice = failing('CONNECTION_LOST', 'DEADLOCK')
    expect(await withRetries(twice.work, options())).toBe('done')
    expect(twice.attempts()).toBe(3)
    const more = failing('CONNECTION_LOST', 'DEADLOCK', 'LOCK_TIMEOUT')
    await expect(withRetries(more.work, options())).rejects.toMatchObject({ code: 'LOCK_TIMEOUT' })
    expect(more.attempts()).toBe(3)
    const none = failing('DEADLOCK')
    await expect(withRetries(none.work, options({ retries: 0 }))).rejects.toMatchObject({ code: 'DEADLOCK' })
    expect(none.attempts()).toBe(1)
  })

  it.each(['AUTH_FAILED', 'CONSTRAINT_VIOLATED', 'OUTCOME_UNKNOWN', 'COUNT_MISMATCH'] as const)(
    'never repeats %s',
    async (code) => {
      const once = failing(code)
      await expect(withRetries(once.work, options())).rejects.toMatchObject({ code })
      expect(once.attempts()).toBe(1)
    },
  )

  it('repeats nothing that is not one of our errors', async () => {
    let attempts = 0
    const work = async () => {
      attempts++
      throw new TypeError('broken')
    }
    await expect(withRetries(work, options({ mayRepeat: () => true }))).rejects.toThrow(TypeError)
    expect(attempts).toBe(1)
  })

  it('waits longer from time to time, never longer than the cap, and within the budget', async () => {
    const waits: number[] = []
    const many = failing(...Array.from({ length: 9 }, () => 'DEADLOCK' as const))
    const policy = { retries: 9, baseMs: 2, capMs: 8, budgetMs: 22, random: () => 1 }
    const onRetry = (_: AirlockError, attempt: number, waitMs: number) => {
      expect(attempt).toBe(waits.length + 1)
      waits.push(waitMs)
    }
    await expect(withRetries(many.work, options({ ...policy, onRetry }))).rejects.toMatchObject({ code: 'DEADLOCK' })
    expect(waits).toEqual([2, 4, 8, 8])
  })

  it('ends a wait at an abort, with its error', async () => {
    const controller = new AbortController()
    const work = failing('DEADLOCK', 'DEADLOCK')
    const waiting = withRetries(work.work, {
      ...options({ baseMs: 60_000, random: () => 1, signal: controller.signal }),
      onRetry: () => setImmediate(() => controller.abort(new AirlockError('INTERRUPTED'))),
    })
    await expect(waiting).rejects.toMatchObject({ code: 'INTERRUPTED' })
    expect(work.attempts()).toBe(1)
  })
})
