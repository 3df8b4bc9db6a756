import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { AirlockError } from '../errors/index.js'
import { decodeSecret, SECRET_LIMIT, unresolved } from './secret-text.js'

const OTHERS = 0o077
const ROOT = 0

/** Reads a secret from a file of at most 64 KiB that nobody but its owner may touch, and whose owner is `userId` or root.
 * The checks are made on the open file, so it cannot be swapped in between; links are followed, because that is how
 * orchestrators mount secrets. Without `userId` (Windows) modes mean nothing and are not checked. Throws SECRET_FILE_OPEN
 * and SECRET_UNRESOLVED for the field `at`; the path is not in them. */
export async function readSecretFile(path: string, at: string, userId: number | undefined): Promise<string> {
  let handle: FileHandle
  try {
    // Not blocking: opening a pipe that nobody writes to would wait for ever.
    handle = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0))
  } catch {
    throw unresolved(at)
  }
  try {
    const stat = await handle.stat()
    if (!stat.isFile()) throw unresolved(at)
    const foreign = stat.uid !== userId && stat.uid !== ROOT
    if (userId !== undefined && (foreign || (stat.mode & OTHERS) !== 0)) {
      throw new AirlockError('SECRET_FILE_OPEN', { phase: 'config', params: { at } })
    }
    const buffer = Buffer.alloc(SECRET_LIMIT + 1)
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, 0)
    const text = decodeSecret(buffer.subarray(0, bytesRead), at)
    buffer.fill(0)
    return text
  } catch (error) {
    throw error instanceof AirlockError ? error : unresolved(at)
  } finally {
    await handle.close()
  }
}
