/** What a cache has done. Two identities hold at every moment: `calls = hits + diskHits + misses + coalesced`, because a
 * look-up is counted together with its outcome, and `loads ≤ misses`, because another process may have stored the value
 * before the lock was ours. */
export interface CacheCounts {
  /** Look-ups. One that an invalidation overtook is made again and counts again. */
  readonly calls: number
  /** Found alive in memory. */
  readonly hits: number
  /** Found alive on disk. */
  readonly diskHits: number
  /** Found nowhere; this look-up took the lead. */
  readonly misses: number
  /** Joined a load that was under way, whatever became of it. */
  readonly coalesced: number
  /** Loaders started. */
  readonly loads: number
  /** Loaders that rejected. */
  readonly loadErrors: number
  /** Loaders that ran at the same time as another one for the same key and generation: a bug, so always 0. */
  readonly duplicateLoads: number
  /** Acquires of the lock between processes that found it taken. */
  readonly lockWaits: number
  /** What those waited, in integer microseconds. */
  readonly lockWaitMicros: number
  /** Loads that went on without the lock, at its deadline. */
  readonly lockTimeouts: number
  /** Values that made room for others. */
  readonly evictions: number
  /** Values whose time was up. */
  readonly expirations: number
  /** Files that were no whole entry of their key. */
  readonly corrupt: number
  readonly invalidations: number
}

/** The counts and what is held at the moment. */
export interface CacheStats extends CacheCounts {
  /** Values in memory. */
  readonly entries: number
  /** Bytes of JSON of the values in memory. */
  readonly bytes: number
}

/** How each count is named in exports. */
export const CACHE_COUNTERS: readonly (keyof CacheCounts)[] = [
  'calls',
  'hits',
  'diskHits',
  'misses',
  'coalesced',
  'loads',
  'loadErrors',
  'duplicateLoads',
  'lockWaits',
  'lockWaitMicros',
  'lockTimeouts',
  'evictions',
  'expirations',
  'corrupt',
  'invalidations',
]

/** Counts of one cache. Every change happens in one synchronous step, so that no snapshot is torn. */
export class CacheMetrics {
  #counts: Record<keyof CacheCounts, number> = {
    calls: 0,
    hits: 0,
    diskHits: 0,
    misses: 0,
    coalesced: 0,
    loads: 0,
    loadErrors: 0,
    duplicateLoads: 0,
    lockWaits: 0,
    lockWaitMicros: 0,
    lockTimeouts: 0,
    evictions: 0,
    expirations: 0,
    corrupt: 0,
    invalidations: 0,
  }

  /** One look-up and how it ended. */
  lookedUp(outcome: 'hits' | 'diskHits' | 'misses' | 'coalesced'): void {
    this.#counts.calls++
    this.#counts[outcome]++
  }

  add(name: Exclude<keyof CacheCounts, 'calls' | 'hits' | 'diskHits' | 'misses' | 'coalesced'>, by = 1): void {
    this.#counts[name] += by
  }

  snapshot(): CacheCounts {
    return Object.freeze({ ...this.#counts })
  }
}
