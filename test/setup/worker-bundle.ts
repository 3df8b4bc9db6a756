import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

/** A folder with the worker's bundle, built from the sources; for `locateBundle`. */
export interface BuiltBundle extends AsyncDisposable {
  readonly folder: string
}

/** Builds the bundle as `npm run build` does, into a folder of its own. Disposing removes it. */
export async function buildBundle(): Promise<BuiltBundle> {
  const folder = await mkdtemp(join(tmpdir(), 'airlock-bundle-'))
  await promisify(execFile)(process.execPath, ['scripts/build-worker.mjs', folder])
  return { folder, [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) }
}
