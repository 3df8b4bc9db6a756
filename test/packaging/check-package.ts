import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

/** Checks the package as its users get it: the packed tarball passes publint and attw, installs in an empty directory
 * without our lock file, every subpath can be imported and required, and the bin runs. Needs a build; `npm run
 * check:package`. */

const root = join(import.meta.dirname, '..', '..')
const tool = (name: string) => join(root, 'node_modules', '.bin', name)

interface Manifest {
  readonly name: string
  readonly version: string
  readonly bin: Readonly<Record<string, string>>
  readonly exports: Readonly<Record<string, unknown>>
}

async function run(cwd: string, command: string, ...args: string[]): Promise<string> {
  process.stderr.write(`$ ${command.replace(`${root}/node_modules/.bin/`, '')} ${args.join(' ').slice(0, 100)}\n`)
  try {
    const { stdout } = await promisify(execFile)(command, args, { cwd, timeout: 300_000, maxBuffer: 64 << 20 })
    return stdout
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string }
    throw new Error(`${command} failed\n${stdout}${stderr}`)
  }
}

function demand(condition: boolean, what: string): void {
  if (!condition) throw new Error(what)
}

/** Every file that the manifest points at is in the tarball, and nothing but what a user needs. */
function checkContents(manifest: Manifest, files: readonly string[]): void {
  const named = JSON.stringify([manifest.exports, manifest.bin]).match(/dist\/[^"]+/g) ?? []
  for (const file of named) demand(files.includes(file), `${file} is named in package.json and not in the tarball`)
  for (const file of ['LICENSE', 'README.md', 'dist/cli/NOTICES.txt', 'dist/remote/NOTICES.txt'])
    demand(files.includes(file), `${file} is not in the tarball`)
  const strange = files.filter((file) => /(^|\/)(test|bench|\.ci|docker)\/|\.(env|pem|key|tgz)$|(^|\/)\.env/.test(file))
  demand(strange.length === 0, `the tarball holds ${strange.join(', ')}`)
}

async function checkInstalled(directory: string, manifest: Manifest): Promise<void> {
  const subpaths = Object.keys(manifest.exports).map((key) => manifest.name + key.slice(1))
  const modules = JSON.stringify(subpaths.filter((subpath) => !subpath.endsWith('.json')))
  const count = 'if (Object.keys(found).length === 0) throw new Error(`${name} exports nothing`)'
  await run(
    directory,
    process.execPath,
    '--input-type=module',
    '--eval',
    `for (const name of ${modules}) { const found = await import(name); ${count} }`,
  )
  if ('require_module' in process.features) {
    await run(
      directory,
      process.execPath,
      '--input-type=commonjs',
      '--eval',
      `for (const name of ${modules}) { const found = require(name); ${count} }`,
    )
  }
  for (const name of Object.keys(manifest.bin)) {
    const bin = join(directory, 'node_modules', '.bin', name)
    const version = (await run(directory, bin, '--version')).trim()
    demand(version === manifest.version, `${name} --version says ${version}`)
    demand((await run(directory, bin, '--help')).includes(`Usage: ${name}`), `${name} --help shows no usage`)
  }
}

const manifest = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as Manifest
const directory = await mkdtemp(join(tmpdir(), 'airlock-package-'))
try {
  const packed = JSON.parse(await run(root, 'npm', 'pack', '--json', '--pack-destination', directory)) as {
    filename: string
    files: { path: string }[]
  }[]
  const tarball = join(directory, packed[0]?.filename ?? '')
  checkContents(
    manifest,
    (packed[0]?.files ?? []).map((file) => file.path),
  )
  await run(root, tool('publint'), 'run', tarball, '--strict')
  await run(root, tool('attw'), tarball, '--profile', 'esm-only')
  await writeFile(join(directory, 'package.json'), '{ "private": true }')
  await run(directory, 'npm', 'install', '--no-package-lock', '--no-audit', '--no-fund', '--prefer-offline', tarball)
  await checkInstalled(directory, manifest)
  process.stderr.write('The package is sound.\n')
} finally {
  await rm(directory, { recursive: true, force: true })
}
