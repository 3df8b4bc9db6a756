// Runs the tests on every Node version that is supported: `npm run test:matrix -- [arguments of vitest run]`, for example
// `npm run test:matrix -- test/core test/masking`. AIRLOCK_MATRIX=20.18.1,24 replaces the versions. npx fetches each from
// the package `node` of the registry, once. Ends with 1 if the tests failed on any of them.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

const VERSIONS = (process.env.AIRLOCK_MATRIX || '20,22,24').split(',')
const ROOT = fileURLToPath(new URL('..', import.meta.url))
const VITEST = 'node_modules/vitest/vitest.mjs'

/** Runs node of this version with these arguments; gives its exit code and its output, which is also shown if `quiet`
 * is not set. A run that a signal ended counts as failed. */
async function node(version, args, quiet = false) {
  const child = spawn('npx', ['-y', '-p', `node@${version}`, 'node', ...args], {
    cwd: ROOT,
    stdio: ['ignore', quiet ? 'pipe' : 'inherit', 'inherit'],
  })
  let output = ''
  child.stdout?.on('data', (chunk) => {
    output += chunk
  })
  const [code] = await once(child, 'close')
  return { code: code ?? 1, output: output.trim() }
}

const rows = []
for (const version of VERSIONS) {
  const begun = performance.now()
  const { output: exact } = await node(version, ['-p', 'process.version'], true)
  // npx would fall back to no other version, but a PATH in some start-up file might: the table must not lie.
  const found = exact.startsWith(`v${version}`)
  process.stdout.write(`\n== Node ${version} (${exact || 'not to be had'})\n`)
  const code = found ? (await node(version, [VITEST, 'run', ...process.argv.slice(2)])).code : 1
  const seconds = Math.round((performance.now() - begun) / 1000)
  rows.push({ node: exact || version, result: code === 0 ? 'passed' : `failed (${code})`, seconds, code })
}

process.stdout.write('\n| Node | tests | seconds |\n| --- | --- | --- |\n')
for (const { node, result, seconds } of rows) process.stdout.write(`| ${node} | ${result} | ${seconds} |\n`)
process.exitCode = rows.every(({ code }) => code === 0) ? 0 : 1
