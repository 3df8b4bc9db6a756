import { closeSync, constants, fstatSync, openSync, statSync } from 'node:fs'
import { setImmediate as nextTurnOfLoop, setTimeout as sleep } from 'node:timers/promises'
import { containedPath, NO_FOLLOW } from './private-files.js'

/** The operating system's lock, from `fs-native-extensions` (open-file-description locks: freed by the kernel when the
 * holder dies, exclusive also between threads and instances of one process). */
export interface LockBinding {
  tryLock(fd: number, options?: { readonly shared?: boolean }): boolean
  tryLock(fd: number, offset: number, length: number): boolean
  unlock(fd: number, offset?: number, length?: number): void
}

/** What a lock counts: `waits` are acquires that found it taken; times are integer microseconds. */
export interface LockStats {
  readonly waits: number
  readonly waitMicros: number
  readonly timeouts: number
}

const LOCK_FILE = '.lock'
const TURN_FILE = '.turn'
const MAX_BACKOFF_MS = 4
const EAGER_TRIES = 10

/** Loads the native lock, or gives null where this platform has no build of it: the caller must then not share files. */
export async function loadLockBinding(): Promise<LockBinding | null> {
  try {
    return await import('fs-native-extensions')
  } catch {
    return null
  }
}

/** An exclusive lock on a directory that any number of processes, threads and instances may contend for: a sibling
 * `.lock` file, opened once and never removed. Before it stands a turnstile, `.turn`, which the next in line holds: a
 * holder that comes back at once queues up behind the others instead of starving them. Not reentrant: its owner
 * serialises with a mutex of its own. */
export class DirectoryLock {
  readonly #path: string
  readonly #binding: LockBinding
  readonly #turn: number
  #fd: number
  #waits = 0
  #waitMicros = 0
  #timeouts = 0

  constructor(dir: string, binding: LockBinding) {
    this.#path = containedPath(dir, LOCK_FILE)
    this.#binding = binding
    this.#turn = openLockFile(containedPath(dir, TURN_FILE))
    try {
      this.#fd = openLockFile(this.#path)
    } catch (error) {
      closeSync(this.#turn)
      throw error
    }
  }

  /** Takes the lock, or gives false when the deadline (milliseconds) passes or the signal aborts first. */
  async acquire(timeoutMs: number, signal: AbortSignal): Promise<boolean> {
    const started = performance.now()
    let isNext = false
    try {
      for (let attempt = 0; ; attempt += 1) {
        isNext ||= this.#binding.tryLock(this.#turn)
        if (isNext && this.#try()) {
          if (attempt > 0) this.#waitMicros += Math.round((performance.now() - started) * 1000)
          return true
        }
        if (attempt === 0) this.#waits += 1
        if (signal.aborted || performance.now() - started >= timeoutMs) {
          this.#timeouts += 1
          return false
        }
        await pause(attempt, isNext)
      }
    } finally {
      if (isNext) this.#binding.unlock(this.#turn)
    }
  }

  release(): void {
    this.#binding.unlock(this.#fd)
  }

  stats(): LockStats {
    return { waits: this.#waits, waitMicros: this.#waitMicros, timeouts: this.#timeouts }
  }

  close(): void {
    closeSync(this.#fd)
    closeSync(this.#turn)
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

/** The next in line asks often, for a write is soon over; the others wait their turn, with jitter so that they do not wake
 * together. The cap keeps the takeover from a dead holder short. */
async function pause(attempt: number, isNext: boolean): Promise<void> {
  if (isNext && attempt < EAGER_TRIES) await nextTurnOfLoop()
  else await sleep(isNext ? 1 : Math.min(1 + Math.random() * attempt, MAX_BACKOFF_MS))
}

function openLockFile(path: string): number {
  return openSync(path, constants.O_RDWR | constants.O_CREAT | NO_FOLLOW, 0o600)
}
