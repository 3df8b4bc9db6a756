import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'esbuild'
import type { BuiltBundle } from './worker-bundle.js'

/** A bundle around another entry than the worker's own, for work that a test decides. Disposing removes it. */
export async function bundleOf(entry: string): Promise<BuiltBundle> {
  const folder = await mkdtemp(join(tmpdir(), 'airlock-bundle-'))
  const outfile = join(folder, 'worker.cjs')
  await build({ entryPoints: [entry], outfile, bundle: true, platform: 'node', format: 'cjs', target: 'node20.9' })
  return { folder, [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) }
}
