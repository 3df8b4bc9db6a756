import { closeSync, constants, openSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { LockBinding } from '../sinks/directory-lock.js'
import { containedPath, NO_FOLLOW } from '../sinks/private-files.js'
import type { CacheMetrics } from './cache-metrics.js'

/** How many files stand for the keys where the system locks whole files only. */
const STRIPES = 64

const MAX_BACKOFF_MS = 8

/** One lock per key between processes, threads and instances: a byte of one file, at an offset that the key's digest
 * gives, or one of 64 files where ranges cannot be locked. The kernel frees what a dead process held. */
export class KeyLocks {
  readonly #dir: string
  readonly #binding: LockBinding
  readonly #metrics: CacheMetrics
  readonly #ranges: boolean

  constructor(dir: string, binding: LockBinding, metrics: CacheMetrics, ranges = process.platform !== 'darwin') {
    this.#dir = dir
    this.#binding = binding
    this.#metrics = metrics
    this.#ranges = ranges
  }

  /** Takes the lock and gives the function that frees it; undefined when the deadline passes or the signal aborts. */
  async acquire(digest: string, timeoutMs: number, signal: AbortSignal): Promise<(() => void) | undefined> {
    const offset = this.#ranges ? Number.parseInt(digest.slice(0, 12), 16) : 0
    // Opened for this one acquire: a lock belongs to the open file, so two holders never share it.
    const fd = openSync(this.#file(digest), constants.O_RDWR | constants.O_CREAT | NO_FOLLOW, 0o600)
    let held = false
    try {
      held = await this.#wait(fd, offset, timeoutMs, signal)
    } finally {
      if (!held) closeSync(fd)
    }
    return held ? () => closeSync(fd) : undefined
  }

  async #wait(fd: number, offset: number, timeoutMs: number, signal: AbortSignal): Promise<boolean> {
    const started = performance.now()
    for (let attempt = 0; ; attempt++) {
      if (this.#binding.tryLock(fd, offset, 1)) {
        if (attempt > 0) this.#metrics.add('lockWaitMicros', Math.round((performance.now() - started) * 1000))
        return true
      }
      if (attempt === 0) this.#metrics.add('lockWaits')
      if (signal.aborted || performance.now() - started >= timeoutMs) {
        this.#metrics.add('lockTimeouts')
        return false
      }
      // With jitter, so that those who wait do not wake together.
      await sleep(1 + Math.random() * Math.min(attempt, MAX_BACKOFF_MS))
    }
  }

  #file(digest: string): string {
    const name = this.#ranges ? '.locks' : `.lock-${Number.parseInt(digest.slice(0, 2), 16) % STRIPES}`
    return containedPath(this.#dir, name)
  }
}
