import { LRUCache } from 'lru-cache'
import type { CacheEntry } from './cache-entry.js'
import { keyDigest } from './cache-key.js'
import type { CacheMetrics } from './cache-metrics.js'
import type { ClockPort } from './clock.js'
import type { Generations } from './generations.js'

/** A value in memory with what decides whether it may still be served. */
interface Held {
  readonly entry: CacheEntry
  /** By the clock that never goes back. */
  readonly deadline: number
  readonly bytes: number
  /** What the epoch was when the generation of the entry was last found to be right. */
  epoch: string
}

/** The values in memory: the least recently used makes room, a value ends with its time by the monotonic clock. */
export class MemoryTier {
  readonly #held: LRUCache<string, Held>
  readonly #clock: ClockPort
  readonly #metrics: CacheMetrics

  constructor(options: {
    readonly maxEntries: number
    readonly maxBytes: number
    readonly clock: ClockPort
    readonly metrics: CacheMetrics
  }) {
    this.#clock = options.clock
    this.#metrics = options.metrics
    this.#held = new LRUCache({
      max: options.maxEntries,
      maxSize: options.maxBytes,
      sizeCalculation: ({ bytes }) => bytes,
      dispose: (_value, _key, reason) => {
        if (reason === 'evict') this.#metrics.add('evictions')
      },
    })
  }

  get entries(): number {
    return this.#held.size
  }

  get bytes(): number {
    return this.#held.calculatedSize
  }

  /** The entry of a key if it is alive `now`. Whether it was invalidated is looked up when anything was since the last
   * look. */
  get(key: string, dependsOn: string, now: number, generations: Generations | undefined): CacheEntry | undefined {
    const held = this.#held.get(key)
    if (held === undefined || held.entry.dependsOn !== dependsOn) return undefined
    if (now >= held.deadline) {
      this.#metrics.add('expirations')
      this.#held.delete(key)
      return undefined
    }
    const epoch = generations?.epoch(now) ?? ''
    if (held.epoch !== epoch) {
      if (generations?.stamp(keyDigest(key)) !== held.entry.stamp) {
        this.#held.delete(key)
        return undefined
      }
      held.epoch = epoch
    }
    return held.entry
  }

  /** `bytes` is the length of the value's JSON. A value greater than the whole tier is not kept. */
  set(entry: CacheEntry, bytes: number, epoch: string): void {
    const deadline = this.#clock.now() + (entry.expires - this.#clock.wall())
    this.#held.set(entry.key, { entry, deadline, bytes: Math.max(1, bytes), epoch })
  }

  delete(key: string): void {
    this.#held.delete(key)
  }

  clear(): void {
    this.#held.clear()
  }
}
