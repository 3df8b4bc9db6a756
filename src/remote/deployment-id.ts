import { randomBytes } from 'node:crypto'
import { link, open, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { AirlockError } from '../errors/index.js'
import { preparePrivateDirectory } from '../sinks/private-files.js'

const FILE = 'deployment-id'
const ID = /^[0-9a-f]{16}$/

/** The id of a `home` folder: random, made by whoever asks first, and never changed, so that two deployments with one key
 * of the platform leave each other's sandboxes alone. Throws CONFIG_INVALID for a file that holds anything else. */
export async function deploymentId(home: string): Promise<string> {
  const path = join(await preparePrivateDirectory(home), FILE)
  const text = ((await readIfThere(path)) ?? (await create(path))).trim()
  if (ID.test(text)) return text
  const problem = `the file ${FILE} in it is damaged; write remote.e2b.deployment instead`
  throw new AirlockError('CONFIG_INVALID', { phase: 'config', params: { at: 'home', problem } })
}

/** Written aside and linked into place: nobody reads half an id, and of two creators the first one wins. */
async function create(path: string): Promise<string> {
  const aside = `${path}.${randomBytes(6).toString('hex')}`
  const handle = await open(aside, 'wx', 0o600)
  try {
    await handle.write(`${randomBytes(8).toString('hex')}\n`)
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
  return await readFile(path, 'utf8')
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
