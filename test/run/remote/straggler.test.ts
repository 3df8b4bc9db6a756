import { describe, expect, it } from 'vitest'
import { leftBehindAfter } from '../../../src/run/remote/straggler.js'

const slowAfter = (finishedMs: readonly number[], total: number, leastMs = 0) =>
  leftBehindAfter({ finishedMs, total, leastMs })

// Seen red with "fewer than half" left out, with the median in place of the 95th percentile, and without `leastMs`.
describe('a range is left behind', () => {
  it('never as long as fewer than half are done', () => {
    expect(slowAfter([], 1)).toBeUndefined()
    expect(slowAfter([100], 3)).toBeUndefined()
    expect(slowAfter([100, 100, 100], 7)).toBeUndefined()
  })

  it('after twice the time of nearly all others', () => {
    expect(slowAfter([100], 2)).toBe(200)
    expect(slowAfter([300, 100, 200], 4)).toBe(600)
    // One in twenty may be as slow as it likes.
    expect(slowAfter([...Array.from({ length: 19 }, (_, i) => 100 + i), 9_000], 25)).toBe(2 * 118)
    expect(slowAfter([...Array.from({ length: 18 }, () => 100), 9_000], 25)).toBe(18_000)
  })

  it('not before the least time', () => {
    expect(slowAfter([100, 100], 3, 10_000)).toBe(10_000)
    expect(slowAfter([6_000, 6_000], 3, 10_000)).toBe(12_000)
  })
})
