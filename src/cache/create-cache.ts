import { AirlockError } from '../errors/index.js'
import { loadLockBinding } from '../sinks/directory-lock.js'
import { preparePrivateDirectory } from '../sinks/private-files.js'
import { type ClockPort, systemClock } from './clock.js'
import { TwoTierCache } from './two-tier-cache.js'

export interface CacheOptions {
  /** A directory of this cache alone, shared by all processes that open it; without it, memory only. */
  readonly dir?: string
  /** How long a value lives, in milliseconds (five minutes). */
  readonly ttlMs?: number
  /** Values in memory (1,000). */
  readonly maxEntries?: number
  /** Bytes of JSON in memory (16 MiB). */
  readonly maxBytes?: number
  /** How long a load waits for the same load of another process before it goes on without (30 s). */
  readonly lockTimeoutMs?: number
  /** Replaces the clocks. */
  readonly clock?: ClockPort
}

const DEFAULTS = { ttlMs: 300_000, maxEntries: 1000, maxBytes: 16 * 2 ** 20, lockTimeoutMs: 30_000 } as const

/** Opens a cache. Throws CONFIG_INVALID for a limit that is no positive integer. */
export async function createCache(options: CacheOptions = {}): Promise<TwoTierCache> {
  const { dir, clock = systemClock, ...limits } = options
  for (const name of Object.keys(DEFAULTS) as (keyof typeof DEFAULTS)[]) {
    const limit = limits[name] ?? DEFAULTS[name]
    if (Number.isSafeInteger(limit) && limit > 0) continue
    throw new AirlockError('CONFIG_INVALID', {
      phase: 'cache',
      params: { at: `cache.${name}`, problem: 'it must be a positive integer' },
    })
  }
  const disk =
    dir === undefined ? undefined : { dir: await preparePrivateDirectory(dir), binding: await loadLockBinding() }
  return new TwoTierCache({ ...DEFAULTS, ...limits, clock, disk })
}
