import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { lstat, mkdir, rename, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { serverAccount } from './account.js'
import type { Binaries } from './binaries.js'
import { type PrivateDirectory, temporaryBase } from './private-directory.js'

/** Raise it when the way in which a template is made changes. */
const FORMAT = 1

/** Puts a fresh data directory at `directory/data` and gives its path. The first start of a server version makes one
 * with `create` and keeps it as a template below the directory for temporary files; later starts copy that, which is
 * several times faster. Processes may race: whoever renames first wins, and a template is never changed. */
export async function freshDataDirectory(
  directory: PrivateDirectory,
  binaries: Binaries,
  create: (path: string) => Promise<void>,
): Promise<string> {
  const data = join(directory.path, 'data')
  const cache = await cacheDirectory()
  const key = createHash('sha256').update(`${FORMAT}\n${binaries.server}\n${binaries.version}`).digest('hex')
  const template = join(cache, `data-${key.slice(0, 16)}`)
  if (!(await exists(template))) {
    const made = join(directory.path, 'template')
    await create(made)
    try {
      await rename(made, template)
    } catch (error) {
      if (!(await exists(template))) throw error // else another process was first
    }
  }
  // `cp -a` keeps the owner, which matters when root copies for the server's account.
  await promisify(execFile)('cp', ['-a', template, data], { timeout: 30_000 })
  return data
}

/** `airlock-engines-<uid>` of mode 0700. Another user could have made it first to slip us files: then it is refused. */
export async function cacheDirectory(): Promise<string> {
  const uid = process.getuid?.() ?? 0
  const path = join(temporaryBase(serverAccount()), `airlock-engines-${uid}`)
  await mkdir(path, { recursive: true, mode: 0o700 })
  const found = await lstat(path)
  if (!found.isDirectory() || found.uid !== uid || (found.mode & 0o077) !== 0) {
    throw new Error(`${path} is not a private directory of this user`)
  }
  return path
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined
}
