import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import type { Engine, EngineName, TestDatabase } from '../../src/testing/index.js'
import { Canaries, canary } from '../leaks/canaries.js'
import { airlock, type Ended, type Launch, type Running, start } from './airlock.js'

/** A connection of airlock.yaml as it is written. */
export type Written = Readonly<Record<string, unknown>>

/** A folder with a configuration, a source and a target with canaries in every place that must not be seen. */
export interface Project {
  readonly folder: string
  readonly source: TestDatabase
  readonly target: TestDatabase
  readonly canaries: Canaries
  /** The value of a cell of the source table `orders`, also among the canaries. */
  readonly cell: string
  /** Replaces parts of the two connections `shop` and `warehouse`. */
  configure(changes: { readonly shop?: Written; readonly warehouse?: Written; readonly file?: Written }): Promise<void>
  write(name: string, content: string): Promise<string>
  /** A pipeline of the table `orders`, with these settings of the stream over the defaults. */
  pipeline(stream?: Written): Promise<string>
  start(args: readonly string[], launch?: Launch): Running
  run(args: readonly string[], launch?: Launch): Promise<Ended>
  /** What is left at the two servers and in the files of the project. */
  sessions(): Promise<number>
  home(): Promise<string>
}

/** Creates both databases and the folder; everything is gone after the test. */
export async function project(engines: Record<EngineName, Engine>, rows = 3): Promise<Project> {
  const [source, target] = await Promise.all([
    engines.mysql.createDatabase('cli_source'),
    engines.postgres.createDatabase('cli_target'),
  ])
  onTestFinished(async () => {
    await Promise.all([source.drop(), target.drop()])
  })
  const folder = await mkdtemp(join(tmpdir(), 'airlock-cli-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  const cell = canary('cell ')
  const maskKey = canary('key-%"', 'ß')
  await source.exec(`
    CREATE TABLE orders (id INT PRIMARY KEY, email VARCHAR(80), note TEXT);
    INSERT INTO orders SELECT seq.n, CONCAT(seq.n, '@example.com'), '${cell}' FROM (${numbers(rows)}) seq`)
  const canaries = new Canaries({
    'source password': source.password,
    'target password': target.password,
    'source user': source.user,
    'target user': target.user,
    'mask key': maskKey,
    host: '127.0.0.1',
    cell,
  })
  const env = { SHOP_PASSWORD: source.password, WAREHOUSE_PASSWORD: target.password, MASK_KEY: maskKey }
  const connection = (engine: Engine, database: TestDatabase, variable: string) => ({
    driver: engine.engine,
    host: engine.host,
    port: engine.port,
    database: database.name,
    user: database.user,
    password: `\${env:${variable}}`,
  })
  const made: Project = {
    folder,
    source,
    target,
    canaries,
    cell,
    async configure({ shop, warehouse, file }) {
      const connections = {
        shop: { ...connection(engines.mysql, source, 'SHOP_PASSWORD'), ...shop },
        warehouse: { ...connection(engines.postgres, target, 'WAREHOUSE_PASSWORD'), ...warehouse },
      }
      // JSON is YAML.
      await made.write('airlock.yaml', JSON.stringify({ mask_key: '${env:MASK_KEY}', ...file, connections }))
    },
    async write(name, content) {
      const path = join(folder, name)
      await mkdir(join(path, '..'), { recursive: true })
      await writeFile(path, content, { mode: 0o600 })
      return path
    },
    async pipeline(stream = {}) {
      const orders = { mode: 'append', mask: { email: 'tokenize' }, ...stream }
      const text = { name: 'nightly', source: 'shop', target: 'warehouse', streams: { orders } }
      await made.write('nightly.yaml', JSON.stringify(text))
      return 'nightly.yaml'
    },
    start: (args, launch) => start(args, { cwd: folder, ...launch, env: { ...env, ...launch?.env } }),
    run: (args, launch) => airlock(args, { cwd: folder, ...launch, env: { ...env, ...launch?.env } }),
    async sessions() {
      const [atSource, atTarget] = await Promise.all([
        engines.mysql.sessions({ user: source.user }),
        engines.postgres.sessions({ user: target.user }),
      ])
      return atSource + atTarget
    },
    async home() {
      const home = join(folder, '.airlock')
      const entries = await readdir(home, { recursive: true, withFileTypes: true })
      const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
      return (await Promise.all(files.map((file) => readFile(file, 'latin1')))).join('\n')
    },
  }
  await made.configure({})
  await made.pipeline()
  return made
}

/** A SELECT that gives 1 to `count` as `n`, on every version of both products. */
function numbers(count: number): string {
  const digits = Array.from({ length: 10 }, (_, digit) => `SELECT ${digit} AS d`).join(' UNION ALL ')
  const places = String(count).length
  const tables = Array.from({ length: places }, (_, place) => `(${digits}) t${place}`).join(' CROSS JOIN ')
  const sum = Array.from({ length: places }, (_, place) => `t${place}.d * ${10 ** place}`).join(' + ')
  return `SELECT 1 + ${sum} AS n FROM ${tables} WHERE ${sum} < ${count}`
}
