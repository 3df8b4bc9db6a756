import { spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from '@modelcontextprotocol/client'
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio'
import { buildCli } from '../../test/setup/built-cli.js'

/** What an agent waits for beyond the work itself, measured in one run beside a bare Node and a bare command:
 *
 *     npx tsx bench/mcp/overhead.ts [--rounds 15]
 *
 * Medians in milliseconds. No database: the command is `airlock runs list`. */
const rounds = Number(process.argv[process.argv.indexOf('--rounds') + 1] ?? 15) || 15

const median = (times: readonly number[]) => [...times].sort((a, b) => a - b)[Math.floor(times.length / 2)]!

async function timed(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now()
  await work()
  return performance.now() - started
}

function ended(args: readonly string[], cwd: string, env: Readonly<Record<string, string>>): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { cwd, env, stdio: 'ignore' })
    child.once('error', reject)
    child.once('close', () => resolve())
  })
}

await using cli = await buildCli()
const folder = await mkdtemp(join(tmpdir(), 'airlock-bench-mcp-'))
await writeFile(
  join(folder, 'airlock.yaml'),
  JSON.stringify({ connections: { files: { driver: 'files', root: '.' } } }),
)
const clean = { PATH: process.env['PATH'] ?? '', HOME: folder }

async function withClient(
  env: Readonly<Record<string, string>>,
  work: (client: Client) => Promise<void>,
): Promise<void> {
  const client = new Client({ name: 'bench', version: '1' })
  await client.connect(
    new StdioClientTransport({ command: process.execPath, args: [cli.bin, 'mcp'], cwd: folder, env: { ...env } }),
  )
  await work(client)
  await client.close()
}

const results: Record<string, number[]> = {}
const note = (name: string, time: number) => {
  results[name] ??= []
  results[name].push(time)
}

for (let round = 0; round < rounds; round++) {
  note('node -e 0', await timed(() => ended(['-e', '0'], folder, clean)))
  note('airlock runs list', await timed(() => ended([cli.bin, 'runs', 'list', '--json'], folder, clean)))
  note('selftest, whole process', await timed(() => ended([cli.bin, 'mcp', 'selftest', '--json'], folder, clean)))
  for (const [name, env] of [
    ['start to the first answer', clean],
    ['the same, environment to be cut', { ...clean, SHOP_PASSWORD: 'x' }],
  ] as const) {
    const started = performance.now()
    await withClient(env, async (client) => {
      await client.callTool({ name: 'connections_list', arguments: {} })
      note(name, performance.now() - started)
      if (env !== clean) return
      for (let call = 0; call < 3; call++) {
        note('a call without a child', await timed(() => client.callTool({ name: 'connections_list', arguments: {} })))
        note('a call with a child', await timed(() => client.callTool({ name: 'runs_list', arguments: { limit: 1 } })))
      }
    })
  }
}
await rm(folder, { recursive: true, force: true })
const medians = Object.fromEntries(Object.entries(results).map(([name, times]) => [name, median(times)]))
for (const [name, time] of Object.entries(medians)) console.log(`${name.padEnd(34)} ${time.toFixed(0).padStart(6)} ms`)
const ratio = medians['a call with a child']! / medians['airlock runs list']!
console.log(`a call with a child is ${ratio.toFixed(2)}x the command alone; the server adds the rest`)
