import { constants } from 'node:fs'
import { open, rm, stat } from 'node:fs/promises'
import { containedPath, NO_FOLLOW } from './private-files.js'

const RESERVE_FILE = '.reserve'

/** A file of zeros that is given back to the file system when it is full, so that the log can record that it is
 * degraded. `bytes` 0 switches it off. Call under the directory's lock. */
export class Reserve {
  readonly #path: string
  readonly #bytes: number
  #held = false

  constructor(dir: string, bytes: number) {
    this.#path = containedPath(dir, RESERVE_FILE)
    this.#bytes = bytes
  }

  /** Whether a reserve is wanted and not known to be there. */
  get isMissing(): boolean {
    return this.#bytes > 0 && !this.#held
  }

  /** Makes the reserve where it is missing. A disk without room for it has none: that is no failure of the log. */
  async ensure(): Promise<void> {
    try {
      this.#held = (await sizeOf(this.#path)) >= this.#bytes || (await this.#fill())
    } catch {
      this.#held = false
    }
  }

  /** Gives the space back; false when there was none to give. */
  async spend(): Promise<boolean> {
    if (this.#bytes === 0) return false
    this.#held = false
    const had = (await sizeOf(this.#path)) > 0
    await rm(this.#path, { force: true })
    return had
  }

  async #fill(): Promise<boolean> {
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | NO_FOLLOW
    const handle = await open(this.#path, flags, 0o600)
    try {
      await handle.writeFile(Buffer.alloc(this.#bytes))
      return true
    } catch {
      await handle.truncate(0)
      return false
    } finally {
      await handle.close()
    }
  }
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size
  } catch {
    return 0
  }
}
