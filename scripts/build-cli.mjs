// Puts the modules of the command line into few files: opening hundreds of them takes longer than many a command. What
// every command needs to read its configuration comes along, and the client library of E2B, which with its packages is three
// hundred files and pinned to one version anyway; all other packages stay what npm installed, so that audits see them and
// their fixes arrive. `node scripts/build-cli.mjs [FOLDER] [--inputs]`; without a folder it takes the place of what tsc made; with
// `--inputs` it prints which modules went into which file.
import { chmod, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { noticesOf } from './notices.mjs'
import { withoutLocales } from './without-locales.mjs'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const folder = process.argv.slice(2).find((argument) => !argument.startsWith('--'))
const cli = join(folder ?? join(root, 'dist'), 'cli')
const inside = (file) => join(root, 'node_modules', file)

/** Common to both parts. */
const COMMON = {
  absWorkingDir: root,
  bundle: true,
  minifyWhitespace: true,
  platform: 'node',
  format: 'esm',
  target: 'node20.18',
  legalComments: 'none',
  metafile: true,
  logLevel: 'warning',
}

const E2B = 'e2b/dist/index.mjs'
const E2B_FILE = 'e2b.js'
const toE2BFile = {
  name: 'e2b-file',
  setup(building) {
    building.onResolve({ filter: /^e2b\// }, () => ({ path: `./${E2B_FILE}`, external: true }))
  },
}

const made = await mkdtemp(`${cli}-`)
const e2b = await build({
  ...COMMON,
  stdin: { contents: `export { E2B } from '${E2B}'`, resolveDir: root },
  outfile: join(made, E2B_FILE),
  // Some of its packages are CommonJS, and ask for modules of Node.
  banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
})
const own = await build({
  ...COMMON,
  // A thread starts with a file of its own, beside the others.
  entryPoints: [join(root, 'src', 'cli', 'bin.ts'), join(root, 'src', 'run', 'threads', 'thread-main.ts')],
  entryNames: '[name]',
  outdir: made,
  splitting: true,
  packages: 'external',
  // Their ES modules, of which only what is used is taken.
  alias: {
    yaml: inside('yaml/browser/index.js'),
    zod: inside('zod/index.js'),
  },
  plugins: [withoutLocales, toE2BFile],
})
const inputs = { ...own.metafile.inputs, ...e2b.metafile.inputs }
await writeFile(join(made, 'NOTICES.txt'), await noticesOf(root, { inputs }))
await chmod(made, 0o755)
await rm(cli, { recursive: true, force: true })
await rename(made, cli)

if (process.argv.includes('--inputs')) {
  const outputs = Object.entries({ ...own.metafile.outputs, ...e2b.metafile.outputs })
  const modules = outputs.map(([file, { inputs }]) => [basename(file), Object.keys(inputs)])
  process.stdout.write(JSON.stringify(Object.fromEntries(modules)))
}
