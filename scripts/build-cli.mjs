// Puts the modules of the command line into few files: opening hundreds of them takes longer than many a command. What
// every command needs to read its configuration comes along; all other packages stay what npm installed, so that audits
// see them and their fixes arrive. `node scripts/build-cli.mjs [FOLDER] [--inputs]`; without a folder it takes the place of what
// tsc made; with `--inputs` it prints which modules went into which file.
import { chmod, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { noticesOf } from './notices.mjs'
import { withoutLocales } from './without-locales.mjs'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const cli = join(process.argv[2] ?? join(root, 'dist'), 'cli')
const inside = (file) => join(root, 'node_modules', file)

const made = await mkdtemp(`${cli}-`)
const { metafile } = await build({
  // A thread starts with a file of its own, beside the others.
  entryPoints: [join(root, 'src', 'cli', 'bin.ts'), join(root, 'src', 'run', 'threads', 'thread-main.ts')],
  entryNames: '[name]',
  absWorkingDir: root,
  outdir: made,
  bundle: true,
  splitting: true,
  packages: 'external',
  // Their ES modules, of which only what is used is taken.
  alias: {
    yaml: inside('yaml/browser/index.js'),
    zod: inside('zod/index.js'),
  },
  plugins: [withoutLocales],
  minifyWhitespace: true,
  platform: 'node',
  format: 'esm',
  target: 'node20.18',
  legalComments: 'none',
  metafile: true,
  logLevel: 'warning',
})
await writeFile(join(made, 'NOTICES.txt'), await noticesOf(root, metafile))
await chmod(made, 0o755)
await rm(cli, { recursive: true, force: true })
await rename(made, cli)

if (process.argv.includes('--inputs')) {
  const inputs = Object.entries(metafile.outputs).map(([file, { inputs }]) => [basename(file), Object.keys(inputs)])
  process.stdout.write(JSON.stringify(Object.fromEntries(inputs)))
}
