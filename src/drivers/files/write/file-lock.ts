import { constants } from 'node:fs'
import { type FileHandle, open, stat, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { abortError } from '../../../core/errors-at-boundary.js'
import { AirlockError } from '../../../errors/index.js'
import { errnoOf, unsupported } from '../errors.js'
import { type FileLockBinding, loadFileLock } from '../native.js'

const NO_FOLLOW: number = constants.O_NOFOLLOW ?? 0
const MAX_PAUSE_MS = 50

/** One file is written by one at a time, whatever process or thread they are in: a lock on a hidden file beside it, which is
 * there only as long as somebody holds or waits for it. */
export class FileLock {
  #handle: FileHandle
  #path: string
  #binding: FileLockBinding

  private constructor(handle: FileHandle, path: string, binding: FileLockBinding) {
    this.#handle = handle
    this.#path = path
    this.#binding = binding
  }

  /** Throws LOCK_TIMEOUT when the others take longer than `timeoutMs`, the abort's error, and UNSUPPORTED on a platform
   * without such locks. */
  static async acquire(folder: string, base: string, timeoutMs: number, signal: AbortSignal): Promise<FileLock> {
    const binding = await loadFileLock()
    if (binding === undefined) throw unsupported('this platform has no lock for files')
    const path = join(folder, `.${base}.airlock-lock`)
    const deadline = performance.now() + timeoutMs
    for (let attempt = 0; ; attempt++) {
      const handle = await tryOnce(path, binding)
      if (handle !== undefined) return new FileLock(handle, path, binding)
      if (signal.aborted) throw abortError(signal, 'write')
      if (performance.now() >= deadline) throw new AirlockError('LOCK_TIMEOUT', { phase: 'write' })
      await sleep(Math.min(1 + Math.random() * attempt, MAX_PAUSE_MS))
    }
  }

  async release(): Promise<void> {
    try {
      // While it is held: whoever opened it in the meantime finds out that it is no longer in its place.
      await unlink(this.#path)
    } finally {
      this.#binding.unlock(this.#handle.fd)
      await this.#handle.close()
    }
  }
}

async function tryOnce(path: string, binding: FileLockBinding): Promise<FileHandle | undefined> {
  const handle = await open(path, constants.O_RDWR | constants.O_CREAT | NO_FOLLOW, 0o600)
  let held = false
  try {
    if (!binding.tryLock(handle.fd)) return undefined
    // A lock on a file that its last holder has removed excludes nobody.
    const [mine, named] = [await handle.stat(), await stat(path).catch(absent)]
    held = named !== undefined && named.ino === mine.ino && named.dev === mine.dev
    return held ? handle : undefined
  } finally {
    if (!held) await handle.close()
  }
}

function absent(error: unknown): undefined {
  if (errnoOf(error) === 'ENOENT') return undefined
  throw error
}
