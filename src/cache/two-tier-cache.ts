import { AirlockError } from '../errors/index.js'
import { withinDeadline } from '../sinks/deadline.js'
import type { LockBinding } from '../sinks/directory-lock.js'
import type { CacheEntry } from './cache-entry.js'
import { type CacheKey, keyDigest, keyText } from './cache-key.js'
import { CacheMetrics, type CacheStats } from './cache-metrics.js'
import type { ClockPort } from './clock.js'
import { deepFreeze } from './deep-freeze.js'
import { DiskTier } from './disk-tier.js'
import { Generations } from './generations.js'
import { KeyLocks } from './key-locks.js'
import { MemoryTier } from './memory-tier.js'
import { SingleFlight } from './single-flight.js'

const CLOSE_MS = 2000

/** Where a value came from. */
export type CacheSource = 'memory' | 'disk' | 'load'

/** A value and what is known about it. Times are milliseconds, dates are milliseconds since 1970. */
export interface CacheHit<T> {
  /** Frozen: it is shared with every other caller. */
  readonly value: T
  readonly source: CacheSource
  readonly created: number
  readonly expires: number
  readonly ttlMs: number
  readonly ageMs: number
}

/** What one look-up may say. */
export interface LookUpOptions {
  readonly ttlMs?: number
  /** Hash of what the value is made from, e.g. of a configuration: a value made from something else is a miss. */
  readonly dependsOn?: string
  /** Detaches this caller; the load goes on while anybody else waits for it. */
  readonly signal?: AbortSignal
}

export interface TierOptions {
  readonly ttlMs: number
  readonly maxEntries: number
  readonly maxBytes: number
  readonly lockTimeoutMs: number
  readonly clock: ClockPort
  /** A private directory that exists, and the lock of this platform; without it, memory only. */
  readonly disk: { readonly dir: string; readonly binding: LockBinding | null } | undefined
}

/** A load under way. An invalidation makes it outdated: its result is then given to nobody and kept nowhere. */
interface Load {
  readonly flight: string
  outdated: boolean
  /** Frees the lock between processes, once: whoever loads anew does not wait for an outdated load. */
  unlock: () => void
}

interface Outcome {
  readonly entry: CacheEntry
  readonly source: CacheSource
}

/** Values that are expensive to get, in memory and in a directory that processes share. One load per key whatever the
 * number of callers, in this process and among all that share the directory; other keys never wait. Failed loads are not
 * kept. After `invalidate` has resolved no process serves the old value. Values are JSON. */
export class TwoTierCache implements AsyncDisposable {
  readonly #options: TierOptions
  readonly #metrics = new CacheMetrics()
  readonly #memory: MemoryTier
  readonly #flights = new SingleFlight<Outcome | undefined>()
  readonly #loads = new Map<string, Set<Load>>()
  readonly #shared:
    | { readonly disk: DiskTier; readonly generations: Generations; readonly locks: KeyLocks | undefined }
    | undefined
  #closing: Promise<void> | undefined

  constructor(options: TierOptions) {
    const { clock, disk } = options
    const metrics = this.#metrics
    this.#options = options
    this.#memory = new MemoryTier({ maxEntries: options.maxEntries, maxBytes: options.maxBytes, clock, metrics })
    this.#shared =
      disk === undefined
        ? undefined
        : {
            disk: new DiskTier(disk.dir, metrics, clock),
            generations: new Generations(disk.dir, clock),
            locks: disk.binding === null ? undefined : new KeyLocks(disk.dir, disk.binding, metrics),
          }
  }

  /** The value of a key: from memory, from disk, or from `load`, which is called once however many ask. Rejects with what
   * `load` rejected with, with the reason of the caller's signal, or with RESOURCE_CLOSED. */
  get<T>(key: CacheKey, load: (signal: AbortSignal) => Promise<T>, options: LookUpOptions = {}): Promise<CacheHit<T>> {
    try {
      this.#refuseClosed()
      const text = keyText(key)
      // A hit is answered without a turn of its own.
      const held = this.#inMemory<T>(text, options.dependsOn ?? '')
      return held === undefined ? this.#find(text, load, options) : Promise.resolve(held)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** Makes the value of a key dead, for every process. Resolves when none serves it any more. */
  async invalidate(key: CacheKey): Promise<void> {
    this.#refuseClosed()
    const text = keyText(key)
    const digest = keyDigest(text)
    this.#metrics.add('invalidations')
    this.#outdate(text)
    if (this.#shared !== undefined) {
      await this.#shared.generations.bump(digest)
      await this.#shared.disk.remove(digest)
    }
    this.#outdate(text)
    this.#memory.delete(text)
    await this.#shared?.generations.seenByAll()
  }

  /** Makes every value dead, for every process. Files of dead values stay until they are replaced or swept. */
  async clear(): Promise<void> {
    this.#refuseClosed()
    this.#metrics.add('invalidations')
    for (const text of [...this.#loads.keys()]) this.#outdate(text)
    await this.#shared?.generations.bumpAll()
    for (const text of [...this.#loads.keys()]) this.#outdate(text)
    this.#memory.clear()
    await this.#shared?.generations.seenByAll()
  }

  /** Counts and sizes of one moment. */
  stats(): CacheStats {
    return Object.freeze({
      ...this.#metrics.snapshot(),
      entries: this.#memory.entries,
      bytes: this.#memory.bytes,
    })
  }

  /** Idempotent and bounded: no look-up begins any more; resolves when those under way have ended, or after two seconds. */
  close(): Promise<void> {
    this.#closing ??= withinDeadline(this.#flights.settled(), CLOSE_MS).then(() => this.#memory.clear())
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #inMemory<T>(text: string, dependsOn: string): CacheHit<T> | undefined {
    const now = this.#options.clock.now()
    const generations = this.#shared?.generations
    const entry = this.#memory.get(text, dependsOn, now, generations)
    if (entry === undefined) return undefined
    this.#metrics.lookedUp('hits')
    return this.#hit<T>(entry, 'memory')
  }

  async #find<T>(
    text: string,
    load: (signal: AbortSignal) => Promise<T>,
    { dependsOn = '', ttlMs = this.#options.ttlMs, signal }: LookUpOptions,
  ): Promise<CacheHit<T>> {
    const flight = `${dependsOn.length}:${dependsOn}${text}`
    // As often as an invalidation overtakes the load.
    for (;;) {
      if (this.#flights.isLoading(flight)) this.#metrics.lookedUp('coalesced')
      const lead = (ofFlight: AbortSignal) => this.#lead(text, flight, dependsOn, load, ttlMs, ofFlight)
      const outcome = await this.#flights.run(flight, lead, signal)
      if (outcome !== undefined) return this.#hit<T>(outcome.entry, outcome.source)
      this.#refuseClosed()
      const held = this.#inMemory<T>(text, dependsOn)
      if (held !== undefined) return held
    }
  }

  /** Looks on disk, then loads. Undefined where an invalidation came in between. */
  async #lead(
    text: string,
    flight: string,
    dependsOn: string,
    load: (signal: AbortSignal) => Promise<unknown>,
    ttlMs: number,
    signal: AbortSignal,
  ): Promise<Outcome | undefined> {
    const mine = this.#enter(text, flight, signal)
    try {
      const found = await this.#onDisk(text, dependsOn)
      this.#metrics.lookedUp(found === undefined ? 'misses' : 'diskHits')
      if (found !== undefined) return mine.outdated ? undefined : { entry: found, source: 'disk' }
      const unlock = await this.#shared?.locks?.acquire(keyDigest(text), this.#options.lockTimeoutMs, signal)
      if (unlock !== undefined) {
        mine.unlock = once(unlock)
        // Whoever held the lock before may have stored it.
        const stored = await this.#onDisk(text, dependsOn)
        if (stored !== undefined) return mine.outdated ? undefined : { entry: stored, source: 'disk' }
      }
      if (mine.outdated) return undefined
      return await this.#load(text, dependsOn, load, ttlMs, signal, mine)
    } finally {
      mine.unlock()
      this.#leave(text, mine)
    }
  }

  async #load(
    text: string,
    dependsOn: string,
    load: (signal: AbortSignal) => Promise<unknown>,
    ttlMs: number,
    signal: AbortSignal,
    mine: Load,
  ): Promise<Outcome | undefined> {
    const digest = keyDigest(text)
    const epoch = this.#shared?.generations.epoch() ?? ''
    const stamp = this.#shared?.generations.stamp(digest) ?? ''
    this.#metrics.add('loads')
    let value: unknown
    try {
      value = deepFreeze(await load(signal))
    } catch (error) {
      this.#metrics.add('loadErrors')
      throw error
    }
    const created = this.#options.clock.wall()
    const entry: CacheEntry = { key: text, stamp, created, expires: created + ttlMs, dependsOn, value }
    if (this.#isOutdated(mine, digest, stamp)) return undefined
    await this.#shared?.disk.write(digest, entry)
    // It is dead on disk by its stamp; memory has to be asked.
    if (this.#isOutdated(mine, digest, stamp)) return undefined
    this.#memory.set(entry, JSON.stringify(value)?.length ?? 0, epoch)
    return { entry, source: 'load' }
  }

  async #onDisk(text: string, dependsOn: string): Promise<CacheEntry | undefined> {
    if (this.#shared === undefined) return undefined
    const { disk, generations } = this.#shared
    const digest = keyDigest(text)
    // Before the generation: an invalidation in between then shows at the next look.
    const epoch = generations.epoch()
    const entry = await disk.read({ key: text, digest, stamp: generations.stamp(digest), dependsOn })
    if (entry === undefined) return undefined
    deepFreeze(entry.value)
    this.#memory.set(entry, JSON.stringify(entry.value)?.length ?? 0, epoch)
    return entry
  }

  #isOutdated(mine: Load, digest: string, stamp: string): boolean {
    return mine.outdated || (this.#shared !== undefined && this.#shared.generations.stamp(digest) !== stamp)
  }

  #enter(text: string, flight: string, signal: AbortSignal): Load {
    const mine: Load = { flight, outdated: false, unlock: nothingHeld }
    const loads = this.#loads.get(text) ?? new Set()
    if ([...loads].some((other) => other.flight === flight && !other.outdated)) this.#metrics.add('duplicateLoads')
    this.#loads.set(text, loads.add(mine))
    // Nobody waits for it any more; whoever comes now starts anew.
    signal.addEventListener('abort', () => {
      mine.outdated = true
    })
    return mine
  }

  #leave(text: string, mine: Load): void {
    const loads = this.#loads.get(text)
    loads?.delete(mine)
    if (loads?.size === 0) this.#loads.delete(text)
  }

  #outdate(text: string): void {
    for (const load of this.#loads.get(text) ?? []) {
      load.outdated = true
      load.unlock()
      this.#flights.forget(load.flight)
    }
  }

  #hit<T>(entry: CacheEntry, source: CacheSource): CacheHit<T> {
    const { created, expires } = entry
    return {
      value: entry.value as T,
      source,
      created,
      expires,
      ttlMs: expires - created,
      ageMs: Math.max(0, this.#options.clock.wall() - created),
    }
  }

  #refuseClosed(): void {
    if (this.#closing !== undefined)
      throw new AirlockError('RESOURCE_CLOSED', { phase: 'cache', params: { at: 'cache' } })
  }
}

function nothingHeld(): void {
  // Until the lock is there, and where there is none.
}

function once(work: () => void): () => void {
  let done = false
  return () => {
    if (!done) work()
    done = true
  }
}
