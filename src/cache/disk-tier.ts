import { readFile, unlink } from 'node:fs/promises'
import writeFileAtomic from 'write-file-atomic'
import { containedPath } from '../sinks/private-files.js'
import { type CacheEntry, decodeEntry, encodeEntry, isAlive } from './cache-entry.js'
import type { CacheMetrics } from './cache-metrics.js'
import type { ClockPort } from './clock.js'

/** What a look at the disk is for. */
export interface DiskQuery {
  readonly key: string
  readonly digest: string
  readonly stamp: string
  readonly dependsOn: string
}

/** One file per key in a directory that any number of processes share. Files are replaced as a whole, never changed. */
export class DiskTier {
  readonly #dir: string
  readonly #metrics: CacheMetrics
  readonly #clock: ClockPort

  constructor(dir: string, metrics: CacheMetrics, clock: ClockPort) {
    this.#dir = dir
    this.#metrics = metrics
    this.#clock = clock
  }

  /** The live entry of a key. A file that is damaged or whose time is up is removed; one of an older generation or of
   * other dependencies is left to whoever replaces it. */
  async read(query: DiskQuery): Promise<CacheEntry | undefined> {
    const text = await this.#text(query.digest)
    if (text === undefined) return undefined
    const entry = decodeEntry(text, query.key)
    if (entry === undefined) {
      this.#metrics.add('corrupt')
      await this.remove(query.digest)
      return undefined
    }
    if (!isAlive(entry, this.#clock.wall())) {
      this.#metrics.add('expirations')
      await this.remove(query.digest)
      return undefined
    }
    return entry.stamp === query.stamp && entry.dependsOn === query.dependsOn ? entry : undefined
  }

  async write(digest: string, entry: CacheEntry): Promise<void> {
    await writeFileAtomic(this.#path(digest), encodeEntry(entry), { mode: 0o600 })
  }

  async remove(digest: string): Promise<void> {
    try {
      await unlink(this.#path(digest))
    } catch (error) {
      if (!isMissing(error)) throw error
    }
  }

  async #text(digest: string): Promise<string | undefined> {
    try {
      return await readFile(this.#path(digest), 'utf8')
    } catch (error) {
      if (isMissing(error)) return undefined
      throw error
    }
  }

  #path(digest: string): string {
    return containedPath(this.#dir, `${digest}.json`)
  }
}

function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT'
}
