/** The main job in sandboxes of a local platform, beside the same job on this machine: MySQL → masked → Postgres through the
 * built command line, one sandbox and several. Prints seconds, counts and whether the contents are the same:
 * `npm run build && npx tsx bench/remote/main-job.ts [rows] [sandboxes]`. Sandboxes, servers and this program share the
 * cores of one machine, so that several sandboxes show that nothing is lost, not that anything is gained. */
import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { type Engine, isMissing, startE2BServer, startEngine, type TestDatabase } from '../../src/testing/index.js'

const BIN = fileURLToPath(new URL('../../dist/cli/bin.js', import.meta.url))
const BATCH = 5000

async function start(name: 'mysql' | 'postgres'): Promise<Engine> {
  const engine = await startEngine(name)
  if (isMissing(engine)) throw new Error(engine.reasons.join('; '))
  return engine
}

async function fill(source: TestDatabase, rows: number): Promise<void> {
  await source.exec(
    'CREATE TABLE orders (id BIGINT PRIMARY KEY, email VARCHAR(80), amount DECIMAL(12,2), at DATETIME(6), note VARCHAR(200))',
  )
  for (let at = 0; at < rows; at += BATCH) {
    const values = Array.from({ length: Math.min(BATCH, rows - at) }, (_, i) => {
      const id = at + i
      return `(${id},'user${id}@example.com',${id / 4},'2026-01-01 00:00:00.${String(id % 1_000_000).padStart(6, '0')}','note ${id} ${'n'.repeat(id % 90)}')`
    })
    await source.exec(`INSERT INTO orders VALUES ${values.join(',')}`)
  }
  await source.exec('ANALYZE TABLE orders')
}

/** Everything but the masked column, so that it is the same at both ends. */
const digest = async (database: TestDatabase) =>
  JSON.stringify(
    await database.rows(
      'SELECT COUNT(*), SUM(id), SUM(amount), SUM(CHAR_LENGTH(note)), COUNT(DISTINCT at) FROM orders',
    ),
  )

async function main(rows: number, sandboxes: number): Promise<void> {
  const [mysql, postgres] = await Promise.all([start('mysql'), start('postgres')])
  const folder = await mkdtemp(join(tmpdir(), 'airlock-bench-remote-'))
  const server = await startE2BServer()
  try {
    const [source, target] = await Promise.all([mysql.createDatabase('from'), postgres.createDatabase('to')])
    await fill(source, rows)
    const connection = (engine: Engine, database: TestDatabase, secret: string) => ({
      driver: engine.engine,
      host: engine.host,
      port: engine.port,
      database: database.name,
      user: database.user,
      password: `\${env:${secret}}`,
      max_connections: 40,
    })
    const config = {
      home: 'kept',
      mask_key: '${env:MASK_KEY}',
      connections: { from: connection(mysql, source, 'FROM'), to: connection(postgres, target, 'TO') },
      remote: {
        e2b: {
          api_key: '${env:E2B_KEY}',
          api_url: server.apiUrl,
          sandbox_url: server.sandboxUrl,
          creations_per_second: 50,
        },
      },
    }
    await writeFile(join(folder, 'airlock.yaml'), JSON.stringify(config))
    const streams = { orders: { mode: 'replace', mask: { email: 'tokenize' } } }
    const pipeline = { name: 'bench', source: 'from', target: 'to', streams }
    await writeFile(join(folder, 'bench.yaml'), JSON.stringify(pipeline))
    const env = { ...process.env, FROM: source.password, TO: target.password, MASK_KEY: 'key', E2B_KEY: server.apiKey }
    const expected = await digest(source)
    const ways = {
      'this machine': [],
      'one sandbox': ['--remote', 'e2b'],
      [`${sandboxes} sandboxes`]: ['--remote', 'e2b', '--parallel', String(sandboxes)],
    }
    for (const [name, further] of Object.entries(ways)) {
      const started = performance.now()
      const args = [BIN, 'run', 'bench.yaml', '--json', ...further]
      const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: folder, env, maxBuffer: 1 << 26 })
      const seconds = (performance.now() - started) / 1000
      const { data } = JSON.parse(stdout)
      const found = await digest(target)
      const masked = await target.rows("SELECT count(*) FROM orders WHERE email LIKE 'user%'")
      const same = found === expected && masked[0]?.[0] === '0'
      const { jobs = 0, sandboxes: used = 0, cost_usd = 0 } = data.remote ?? {}
      if (!same) console.error(found, expected)
      console.log(
        `${name.padEnd(14)} ${seconds.toFixed(2)} s  ${data.status}  ${data.rows_written} rows  content ${same ? 'same' : 'DIFFERS'}  ` +
          `${jobs} jobs, ${used} sandboxes, $${cost_usd.toFixed(4)}; left ${server.sandboxes().length} sandboxes, ${server.processes().length} processes`,
      )
      if (!same) process.exitCode = 1
    }
  } finally {
    await server.close()
    await Promise.all([mysql.stop(), postgres.stop()])
    await rm(folder, { recursive: true, force: true })
  }
}

await main(Number(process.argv[2] ?? 1_000_000), Number(process.argv[3] ?? 8))
