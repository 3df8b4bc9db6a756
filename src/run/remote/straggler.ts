/** What is known of the ranges of one stream. */
export interface RangesSeen {
  /** Milliseconds that each finished range took. */
  readonly finishedMs: readonly number[]
  /** Ranges that this run reads, finished or not. */
  readonly total: number
  /** Below this no range counts as slow. */
  readonly leastMs: number
}

/** For how long a range may be read before it counts as left behind: twice of what nearly all others (the 95th percentile)
 * took. Undefined as long as fewer than half of them are done, who could all be unlike the rest. */
export function leftBehindAfter({ finishedMs, total, leastMs }: RangesSeen): number | undefined {
  if (finishedMs.length === 0 || finishedMs.length * 2 < total) return undefined
  const sorted = [...finishedMs].sort((a, b) => a - b)
  const p95 = sorted[Math.ceil(sorted.length * 0.95) - 1]!
  return Math.max(leastMs, p95 * 2)
}
