import { randomBytes } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import writeFileAtomic from 'write-file-atomic'
import { containedPath } from '../sinks/private-files.js'
import type { ClockPort } from './clock.js'

/** How long a process may take it that nothing was invalidated. An invalidation is acknowledged no sooner, so that no
 * process serves the old value after it. */
const COHERENCE_MS = 50

const EPOCH = 'epoch'
const ALL = 'all.gen'

/** Which values of a directory are still valid. Each key has a generation, a random word that an invalidation replaces;
 * an entry carries the words that it was loaded under and is dead when they differ. Words are never counted up, so that
 * two processes that invalidate at one time need no lock, and a crash between two steps leaves an entry dead, not stale. */
export class Generations {
  readonly #dir: string
  readonly #clock: ClockPort
  #epoch = ''
  #lookedAt = Number.NEGATIVE_INFINITY

  constructor(dir: string, clock: ClockPort) {
    this.#dir = dir
    this.#clock = clock
  }

  /** Something that changes with every invalidation by anybody; at most COHERENCE_MS old. */
  epoch(now = this.#clock.now()): string {
    if (now - this.#lookedAt >= COHERENCE_MS) {
      // Taken before the look: what happens during it is for the next one.
      this.#lookedAt = now
      const found = statSync(this.#path(EPOCH), { throwIfNoEntry: false, bigint: true })
      this.#epoch = found === undefined ? '' : `${found.ino}.${found.mtimeNs}.${found.ctimeNs}`
    }
    return this.#epoch
  }

  /** The generation of a key now. */
  stamp(digest: string): string {
    return `${this.#word(ALL)}.${this.#word(`${digest}.gen`)}`
  }

  /** Gives the key a new generation. */
  async bump(digest: string): Promise<void> {
    await this.#replace(`${digest}.gen`)
  }

  /** Gives every key a new generation. */
  async bumpAll(): Promise<void> {
    await this.#replace(ALL)
  }

  /** Resolves when no process can take an older look for the latest one. */
  async seenByAll(): Promise<void> {
    await sleep(COHERENCE_MS + 1)
  }

  /** The generation first, then the epoch: whoever sees the new epoch must find the new generation. */
  async #replace(name: string): Promise<void> {
    await writeFileAtomic(this.#path(name), randomBytes(12).toString('hex'), { mode: 0o600 })
    await writeFileAtomic(this.#path(EPOCH), randomBytes(12).toString('hex'), { mode: 0o600 })
    this.#lookedAt = Number.NEGATIVE_INFINITY
  }

  #word(name: string): string {
    try {
      return readFileSync(this.#path(name), 'latin1')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return ''
      throw error
    }
  }

  #path(name: string): string {
    return containedPath(this.#dir, name)
  }
}
