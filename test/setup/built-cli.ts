import { execFile } from 'node:child_process'
import { copyFile, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))

/** The command line as `npm run build` makes it, in a folder of its own: what users start, and in a fraction of the time
 * that a loader takes. */
export interface BuiltCli extends AsyncDisposable {
  readonly bin: string
  readonly folder: string
}

/** A file of that folder: which modules went into which file, `{"main.js": ["src/cli/main.ts"]}`. */
export const INPUTS = 'inputs.json'

/** Builds it from the sources; disposing removes the folder. Most suites share the one of the whole run
 * (`inject('cli')`). */
export async function buildCli(): Promise<BuiltCli> {
  const folder = await mkdtemp(join(tmpdir(), 'airlock-built-'))
  try {
    await buildInto(folder)
  } catch (error) {
    await rm(folder, { recursive: true, force: true })
    throw error
  }
  return {
    folder,
    bin: join(folder, 'dist', 'cli', 'bin.js'),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  }
}

async function buildInto(folder: string): Promise<void> {
  const dist = join(folder, 'dist')
  await mkdir(dist)
  const args = [join(ROOT, 'scripts', 'build-cli.mjs'), dist, '--inputs']
  const { stdout } = await promisify(execFile)(process.execPath, args, { maxBuffer: 64 << 20 })
  await writeFile(join(folder, INPUTS), stdout)
  await copyFile(join(ROOT, 'package.json'), join(folder, 'package.json'))
  await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
}
