/** What a sandbox costs a small job: seconds of a run in one, less those of the same run on this machine, on a local platform
 * and so without its network. Both are done in each round, in an order that is drawn; the median of all rounds:
 * `npm run build && npx tsx bench/remote/overhead.ts [rounds]`. Times are those of the run as its report has them, so that
 * neither has the start of the program. */
import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { type Engine, isMissing, startE2BServer, startEngine } from '../../src/testing/index.js'

const BIN = fileURLToPath(new URL('../../dist/cli/bin.js', import.meta.url))
const WAYS = { local: [], remote: ['--remote', 'e2b'] } as const

async function start(name: 'mysql' | 'postgres'): Promise<Engine> {
  const engine = await startEngine(name)
  if (isMissing(engine)) throw new Error(engine.reasons.join('; '))
  return engine
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!

async function main(rounds: number): Promise<void> {
  const [mysql, postgres] = await Promise.all([start('mysql'), start('postgres')])
  const folder = await mkdtemp(join(tmpdir(), 'airlock-bench-overhead-'))
  const server = await startE2BServer()
  try {
    const [source, target] = await Promise.all([mysql.createDatabase('from'), postgres.createDatabase('to')])
    await source.exec('CREATE TABLE orders (id BIGINT PRIMARY KEY, email VARCHAR(80))')
    const rows = Array.from({ length: 1000 }, (_, id) => `(${id}, 'user${id}@example.com')`)
    await source.exec(`INSERT INTO orders VALUES ${rows.join(', ')}`)
    const connections = Object.fromEntries(
      [
        { name: 'from', engine: mysql, database: source },
        { name: 'to', engine: postgres, database: target },
      ].map(({ name, engine, database }) => [
        name,
        {
          driver: engine.engine,
          host: engine.host,
          port: engine.port,
          database: database.name,
          user: database.user,
          password: `\${env:${name.toUpperCase()}}`,
        },
      ]),
    )
    const e2b = { api_key: '${env:E2B_KEY}', api_url: server.apiUrl, sandbox_url: server.sandboxUrl }
    const config = {
      home: 'kept',
      mask_key: '${env:MASK_KEY}',
      connections,
      remote: { e2b: { ...e2b, creations_per_second: 50 } },
    }
    await writeFile(join(folder, 'airlock.yaml'), JSON.stringify(config))
    const streams = { orders: { mode: 'replace', mask: { email: 'tokenize' } } }
    await writeFile(
      join(folder, 'bench.yaml'),
      JSON.stringify({ name: 'bench', source: 'from', target: 'to', streams }),
    )
    const env = { ...process.env, FROM: source.password, TO: target.password, MASK_KEY: 'key', E2B_KEY: server.apiKey }
    const times: Record<keyof typeof WAYS, number[]> = { local: [], remote: [] }
    for (let round = 0; round < rounds; round++) {
      const order = Math.random() < 0.5 ? (['local', 'remote'] as const) : (['remote', 'local'] as const)
      for (const way of order) {
        const args = [BIN, 'run', 'bench.yaml', '--json', ...WAYS[way]]
        const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: folder, env, maxBuffer: 1 << 26 })
        const { data } = JSON.parse(stdout)
        if (data.status !== 'ok' || data.rows_written !== 1000) throw new Error(`${way}: ${data.status}`)
        times[way].push(data.seconds * 1000)
      }
    }
    const differences = times.remote.map((ms, at) => ms - times.local[at]!)
    for (const way of ['local', 'remote'] as const) console.log(`${way.padEnd(8)} ${median(times[way]).toFixed(0)} ms`)
    console.log(
      `overhead ${median(differences).toFixed(0)} ms, the median of ${rounds} rounds; ${differences.map((ms) => ms.toFixed(0)).join(' ')}`,
    )
  } finally {
    await server.close()
    await Promise.all([mysql.stop(), postgres.stop()])
    await rm(folder, { recursive: true, force: true })
  }
}

await main(Number(process.argv[2] ?? 9))
