import { createHmac, randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { link, open, readFile, rm } from 'node:fs/promises'
import { containedPath, NO_FOLLOW } from './private-files.js'

const SALT_FILE = '.salt'
const SALT_BYTES = 32

/** A random value of this directory's own (0600), made by whoever opens it first. Values that must be comparable inside
 * one log but not across logs go through `correlate`. */
export class LogSalt {
  readonly #salt: Buffer

  private constructor(salt: Buffer) {
    this.#salt = salt
  }

  static async open(dir: string): Promise<LogSalt> {
    const path = containedPath(dir, SALT_FILE)
    const existing = await readIfThere(path)
    return new LogSalt(existing ?? (await createSalt(dir, path)))
  }

  /** HMAC-SHA256 of a value under the salt, as 32 hex digits: equal for equal values of one log, unrelated across logs. */
  correlate(value: string): string {
    return createHmac('sha256', this.#salt).update(value).digest('hex').slice(0, 32)
  }
}

/** Written aside and linked into place: nobody reads half a salt, and of two creators the first one wins. */
async function createSalt(dir: string, path: string): Promise<Buffer> {
  const aside = containedPath(dir, `${SALT_FILE}.${randomBytes(6).toString('hex')}`)
  const handle = await open(aside, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | NO_FOLLOW, 0o600)
  try {
    await handle.writeFile(randomBytes(SALT_BYTES))
    await handle.sync()
  } finally {
    await handle.close()
  }
  try {
    await link(aside, path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  } finally {
    await rm(aside, { force: true })
  }
  return await readFile(path)
}

async function readIfThere(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
