import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Binaries } from './binaries.js'
import { cachedDirectory } from './cache.js'
import type { PrivateDirectory } from './private-directory.js'

/** Puts a fresh data directory at `directory/data` and gives its path. The first start of a server version makes one
 * with `create` and keeps it as a template; later starts copy that, which is several times faster. */
export async function freshDataDirectory(
  directory: PrivateDirectory,
  binaries: Binaries,
  create: (path: string) => Promise<void>,
): Promise<string> {
  const template = await cachedDirectory(['data', binaries.server, binaries.version], async () => {
    const made = join(directory.path, 'template')
    await create(made)
    return made
  })
  const data = join(directory.path, 'data')
  // `cp -a` keeps the owner, which matters when root copies for the server's account.
  await promisify(execFile)('cp', ['-a', template, data], { timeout: 30_000 })
  return data
}
