// Puts the modules of the command line into few files, in the place of what tsc made of them: opening hundreds of them
// takes longer than many a command. Packages stay what npm installed, so that audits see them.
import { chmod, mkdtemp, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const cli = join(root, 'dist', 'cli')
const made = await mkdtemp(join(root, 'dist', 'cli-'))
await build({
  entryPoints: [join(cli, 'bin.js')],
  outdir: made,
  bundle: true,
  splitting: true,
  packages: 'external',
  platform: 'node',
  format: 'esm',
  target: 'node20.18',
  legalComments: 'none',
  logLevel: 'warning',
})
await chmod(made, 0o755)
await rm(cli, { recursive: true })
await rename(made, cli)
