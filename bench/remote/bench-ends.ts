/** What the benchmarks of runs in sandboxes work with: a source and a target on servers of their own, a local platform, and
 * the built command line in a folder with a configuration for all of them. */
import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import {
  type E2BServer,
  type Engine,
  FaultProxy,
  isMissing,
  startE2BServer,
  startEngine,
  type TestDatabase,
} from '../../src/testing/index.js'

const BIN = fileURLToPath(new URL('../../dist/cli/bin.js', import.meta.url))

export interface BenchEnds extends AsyncDisposable {
  /** A database of MySQL. */
  readonly source: TestDatabase
  /** A database of Postgres. */
  readonly target: TestDatabase
  readonly server: E2BServer
  /** Replaces the table `orders` of the target by that of the source, with its column `email` masked. `stream` is what else
   * the stream is told, `args` what the command is; gives the data of its envelope, and seconds from its start to its end. */
  run(args: readonly string[], stream?: object): Promise<{ data: RunData; seconds: number }>
}

/** Of a report, what is printed here. */
interface RunData {
  readonly status: string
  readonly rows_written: number
  readonly seconds: number
  readonly remote?: { readonly jobs: number; readonly sandboxes: number; readonly cost_usd: number }
}

/** Starts all of it; disposing stops it. With `bytesPerSecond`, each connection to the source gets no more than that. */
export async function benchEnds(bytesPerSecond?: number): Promise<BenchEnds> {
  const stops: (() => PromiseLike<void>)[] = []
  const stop = async () => {
    for (const one of stops.toReversed()) await one()
  }
  try {
    const mysql = await start('mysql')
    stops.push(() => mysql.stop())
    const postgres = await start('postgres')
    stops.push(() => postgres.stop())
    const folder = await mkdtemp(join(tmpdir(), 'airlock-bench-remote-'))
    stops.push(() => rm(folder, { recursive: true, force: true }))
    const server = await startE2BServer()
    stops.push(() => server.close())
    let door: { readonly host: string; readonly port: number } = mysql
    if (bytesPerSecond !== undefined) {
      const proxy = await FaultProxy.start(mysql, { kind: 'throttle', bytesPerSecond })
      stops.push(() => proxy.close())
      door = proxy
    }
    const [source, target] = [await mysql.createDatabase('from'), await postgres.createDatabase('to')]
    const connections = {
      from: { driver: 'mysql', ...connection(door, source, 'FROM') },
      to: { driver: 'postgres', ...connection(postgres, target, 'TO') },
    }
    const e2b = { api_key: '${env:E2B_KEY}', api_url: server.apiUrl, sandbox_url: server.sandboxUrl }
    const remote = { e2b: { ...e2b, creations_per_second: 50 } }
    const config = { home: 'kept', mask_key: '${env:MASK_KEY}', connections, remote }
    await writeFile(join(folder, 'airlock.yaml'), JSON.stringify(config))
    const env = { ...process.env, FROM: source.password, TO: target.password, MASK_KEY: 'key', E2B_KEY: server.apiKey }
    return {
      source,
      target,
      server,
      async run(args, stream = {}) {
        const streams = { orders: { mode: 'replace', mask: { email: 'tokenize' }, ...stream } }
        const pipeline = { name: 'bench', source: 'from', target: 'to', streams }
        await writeFile(join(folder, 'bench.yaml'), JSON.stringify(pipeline))
        const command = [BIN, 'run', 'bench.yaml', '--json', ...args]
        const started = performance.now()
        const { stdout } = await promisify(execFile)(process.execPath, command, {
          cwd: folder,
          env,
          maxBuffer: 1 << 26,
        })
        const seconds = (performance.now() - started) / 1000
        return { data: JSON.parse(stdout).data as RunData, seconds }
      },
      [Symbol.asyncDispose]: stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

/** Not one that a variable names: it is stopped with its databases. */
async function start(name: 'mysql' | 'postgres'): Promise<Engine> {
  const engine = await startEngine(name, { binaryOnly: true })
  if (isMissing(engine)) throw new Error(engine.reasons.join('; '))
  return engine
}

function connection(
  { host, port }: { readonly host: string; readonly port: number },
  { name: database, user }: TestDatabase,
  secret: string,
): object {
  return { host, port, database, user, password: `\${env:${secret}}`, max_connections: 40 }
}
