import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { AirlockError } from '../errors/index.js'

/** The one file that runs in a sandbox. */
export interface WorkerBundle {
  readonly data: Uint8Array
  /** Of the data, lower-case hex. */
  readonly sha256: string
}

/** Seen from here and, just as well, from the command line, into whose files this is put. */
const FOLDER = fileURLToPath(new URL('../remote', import.meta.url))

const facts = z.object({ sha256: z.string(), bytes: z.int() })

/** Reads the bundle that was built with this package, `worker.cjs`, and compares it with `worker.json` beside it. `folder`
 * is where both are: that of this module where it is not given. Throws CONFIG_INVALID where they are missing or differ. */
export async function locateBundle(folder: string = FOLDER): Promise<WorkerBundle> {
  try {
    const [data, json] = await Promise.all([
      readFile(join(folder, 'worker.cjs')),
      readFile(join(folder, 'worker.json')),
    ])
    const sha256 = createHash('sha256').update(data).digest('hex')
    const expected = facts.parse(JSON.parse(json.toString('utf8')))
    if (expected.sha256 === sha256 && expected.bytes === data.length) return { data, sha256 }
  } catch {
    throw invalid('it cannot be read')
  }
  throw invalid('its digest is another one')
}

function invalid(problem: string): AirlockError {
  const params = { at: 'the bundle of the remote worker', problem: `${problem}; install the package again` }
  return new AirlockError('CONFIG_INVALID', { phase: 'remote', params })
}
