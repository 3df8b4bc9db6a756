import { createHash } from 'node:crypto'
import { chmod, lstat, mkdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { AirlockError } from '../../errors/index.js'
import { whenAbsent } from '../when-absent.js'
import { serverAccount } from './account.js'
import { temporaryBase } from './private-directory.js'

/** Raise it when the way in which entries are made changes. */
const FORMAT = 1

/** A directory that is made once for these `parts` of its key and then kept, below the directory for temporary files.
 * `make` gives the path of a new one on the same file system; it is moved into place in one step, so that processes
 * may race and whoever is first wins. An entry is never changed afterwards. */
export async function cachedDirectory(
  parts: readonly string[],
  make: (cache: string) => Promise<string>,
): Promise<string> {
  const cache = await cacheDirectory()
  const key = createHash('sha256')
    .update([FORMAT, ...parts].join('\n'))
    .digest('hex')
  const path = join(cache, key.slice(0, 16))
  if (await exists(path)) return path
  const made = await make(cache)
  try {
    await rename(made, path)
  } catch (error) {
    await rm(made, { recursive: true, force: true })
    if (!(await exists(path))) throw error // else another process was first
  }
  return path
}

/** `airlock-engines-<uid>`, which the servers' account may enter and nobody else may list or change. Another user could
 * have made it first to slip us files: then it is refused (POLICY_REFUSED). */
async function cacheDirectory(): Promise<string> {
  const uid = process.getuid?.() ?? 0
  const path = join(temporaryBase(serverAccount()), `airlock-engines-${uid}`)
  await mkdir(path, { recursive: true, mode: 0o711 })
  const found = await lstat(path)
  if (!found.isDirectory() || found.uid !== uid || (found.mode & 0o022) !== 0) {
    throw new AirlockError('POLICY_REFUSED', { params: { problem: 'the cache of engines belongs to another user' } })
  }
  await chmod(path, 0o711) // whatever the umask made of it
  return path
}

async function exists(path: string): Promise<boolean> {
  return (await whenAbsent(stat(path), undefined)) !== undefined
}
