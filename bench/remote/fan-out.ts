/** How much sooner a table is there that eight sandboxes read, beside one: MySQL → masked → Postgres through the built command
 * line and a local platform. Each connection to the source goes through a proxy that lets 256 KiB a second through, as one to
 * a database far away: `npm run build && npx tsx bench/remote/fan-out.ts [rows] [bytes per second]`. Sandboxes, servers and this
 * program share the cores of one machine, so the rate is chosen so low that reading waits, and the work of all eight fits
 * into the cores meanwhile; it says nothing of a source that is fast. */
import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import {
  type Engine,
  FaultProxy,
  isMissing,
  startE2BServer,
  startEngine,
  type TestDatabase,
} from '../../src/testing/index.js'

const BIN = fileURLToPath(new URL('../../dist/cli/bin.js', import.meta.url))
const BATCH = 5000

async function start(name: 'mysql' | 'postgres'): Promise<Engine> {
  const engine = await startEngine(name)
  if (isMissing(engine)) throw new Error(engine.reasons.join('; '))
  return engine
}

async function fill(source: TestDatabase, rows: number): Promise<void> {
  await source.exec('CREATE TABLE orders (id BIGINT PRIMARY KEY, email VARCHAR(80), note VARCHAR(400))')
  for (let at = 0; at < rows; at += BATCH) {
    const values = Array.from({ length: Math.min(BATCH, rows - at) }, (_, i) => {
      return `(${at + i},'user${at + i}@example.com','note ${at + i} ${'n'.repeat(300)}')`
    })
    await source.exec(`INSERT INTO orders VALUES ${values.join(',')}`)
  }
  await source.exec('ANALYZE TABLE orders')
}

async function main(rows: number, bytesPerSecond: number): Promise<void> {
  const [mysql, postgres] = await Promise.all([start('mysql'), start('postgres')])
  const folder = await mkdtemp(join(tmpdir(), 'airlock-bench-fan-out-'))
  const server = await startE2BServer()
  const proxy = await FaultProxy.start(mysql, { kind: 'throttle', bytesPerSecond })
  try {
    const [source, target] = await Promise.all([mysql.createDatabase('from'), postgres.createDatabase('to')])
    await fill(source, rows)
    const login = ({ name: database, user }: TestDatabase, secret: string) => ({
      ...{ database, user, password: `\${env:${secret}}`, max_connections: 40 },
    })
    const config = {
      home: 'kept',
      mask_key: '${env:MASK_KEY}',
      connections: {
        from: { driver: 'mysql', host: proxy.host, port: proxy.port, ...login(source, 'FROM') },
        to: { driver: 'postgres', host: postgres.host, port: postgres.port, ...login(target, 'TO') },
      },
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
    const env = { ...process.env, FROM: source.password, TO: target.password, MASK_KEY: 'key', E2B_KEY: server.apiKey }
    let one: number | undefined
    for (const ranges of [1, 8]) {
      const divided = ranges === 1 ? {} : { partition_by: { column: 'id', ranges } }
      const streams = { orders: { mode: 'replace', mask: { email: 'tokenize' }, ...divided } }
      await writeFile(
        join(folder, 'bench.yaml'),
        JSON.stringify({ name: 'bench', source: 'from', target: 'to', streams }),
      )
      await target.exec('DROP TABLE IF EXISTS orders')
      const started = performance.now()
      const args = [BIN, 'run', 'bench.yaml', '--json', '--remote', 'e2b', '--parallel', String(ranges)]
      const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: folder, env, maxBuffer: 1 << 26 })
      const seconds = (performance.now() - started) / 1000
      one ??= seconds
      const { data } = JSON.parse(stdout)
      const [[found]] = (await target.rows('SELECT count(DISTINCT id) FROM orders')) as [[string]]
      const isSame = data.status === 'ok' && Number(found) === rows
      console.log(
        `${ranges} range${ranges === 1 ? ' ' : 's'}  ${seconds.toFixed(1).padStart(6)} s  ${(one / seconds).toFixed(2)}x  ` +
          `${isSame ? 'same rows' : 'ROWS DIFFER'}  ${data.remote?.sandboxes} sandboxes, ${server.sandboxes().length} left`,
      )
      if (!isSame) process.exitCode = 1
    }
  } finally {
    await proxy.close()
    await server.close()
    await Promise.all([mysql.stop(), postgres.stop()])
    await rm(folder, { recursive: true, force: true })
  }
}

await main(Number(process.argv[2] ?? 60_000), Number(process.argv[3] ?? 256 * 1024))
