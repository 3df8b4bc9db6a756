import { closeSync, constants, fstatSync, openSync, statSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { containedPath, NO_FOLLOW } from './private-files.js'

/** The operating system's lock, from `fs-native-extensions` (open-file-description locks: freed by the kernel when the
 * holder dies, exclusive also between threads and instances of one process). */
export interface LockBinding {
  tryLock(fd: number, options?: { readonly shared?: boolean }): boolean
  unlock(fd: number): void
}

/** What a lock counts: `waits` are acquires that found it taken; times are integer microseconds. */
export interface LockStats {
  readonly waits: number
  readonly waitMicros: number
  readonly timeouts: number
}

const LOCK_FILE = '.lock'
const MAX_BACKOFF_MS = 8

/** Loads the native lock, or gives null where this platform has no build of it: the caller must then not share files. */
export async function loadLockBinding(): Promise<LockBinding | null> {
  try {
    return await import('fs-native-extensions')
  } catch {
    return null
  }
}

/** An exclusive lock on a directory that any number of processes, threads and instances may contend for: a sibling
 * `.lock` file, opened once and never removed. Not reentrant: its owner serialises with a mutex of its own. */
export class DirectoryLock {
  readonly #path: string
  readonly #binding: LockBinding
  #fd: number
  #waits = 0
  #waitMicros = 0
  #timeouts = 0

  constructor(dir: string, binding: LockBinding) {
    this.#path = containedPath(dir, LOCK_FILE)
    this.#binding = binding
    this.#fd = openLockFile(this.#path)
  }

  /** Takes the lock, or gives false when the deadline (milliseconds) passes or the signal aborts first. */
  async acquire(timeoutMs: number, signal: AbortSignal): Promise<boolean> {
    if (this.#try()) return true
    const started = process.hrtime.bigint()
    this.#waits += 1
    let elapsedMs = 0
    for (let attempt = 1; !signal.aborted && elapsedMs < timeoutMs; attempt += 1) {
      // Jitter keeps waiters from waking together; the cap keeps the takeover from a dead holder short.
      await sleep(Math.min(1 + Math.random() * attempt, MAX_BACKOFF_MS))
      const taken = this.#try()
      const micros = Number((process.hrtime.bigint() - started) / 1000n)
      elapsedMs = micros / 1000
      if (taken) {
        this.#waitMicros += micros
        return true
      }
    }
    this.#timeouts += 1
    return false
  }

  release(): void {
    this.#binding.unlock(this.#fd)
  }

  stats(): LockStats {
    return { waits: this.#waits, waitMicros: this.#waitMicros, timeouts: this.#timeouts }
  }

  close(): void {
    closeSync(this.#fd)
  }

  #try(): boolean {
    if (!this.#binding.tryLock(this.#fd)) return false
    if (this.#isInPlace()) return true
    // Somebody removed or replaced the lock file: a lock on the old inode excludes nobody.
    this.#binding.unlock(this.#fd)
    const inPlace = openLockFile(this.#path)
    closeSync(this.#fd)
    this.#fd = inPlace
    return false
  }

  #isInPlace(): boolean {
    const held = fstatSync(this.#fd)
    const named = statSync(this.#path, { throwIfNoEntry: false })
    return named !== undefined && named.ino === held.ino && named.dev === held.dev
  }
}

function openLockFile(path: string): number {
  return openSync(path, constants.O_RDWR | constants.O_CREAT | NO_FOLLOW, 0o600)
}
