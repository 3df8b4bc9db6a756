import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Engine, type EngineName, settle, type TestDatabase } from '../../src/testing/index.js'
import { Canaries, canary } from '../leaks/canaries.js'
import { airlock, type Ended, type Launch, type Running, start } from './airlock.js'

/** A connection of airlock.yaml as it is written. */
export type Written = Readonly<Record<string, unknown>>

/** A folder with a configuration, a source and a target with canaries in every place that must not be seen. */
export interface Project extends AsyncDisposable {
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
  /** What the target holds: every row of every table, as text. */
  tables(): Promise<Readonly<Record<string, readonly string[]>>>
  /** Sessions of the two users that are left at the servers, once they have had the time to end. */
  sessions(): Promise<number>
  /** Everything in the files that the commands have written. */
  home(): Promise<string>
}

/** Creates both databases and the folder; disposing removes them. */
export async function project(engines: Record<EngineName, Engine>, rows = 3): Promise<Project> {
  const [source, target] = await Promise.all([
    engines.mysql.createDatabase('cli_source'),
    engines.postgres.createDatabase('cli_target'),
  ])
  const folder = await mkdtemp(join(tmpdir(), 'airlock-cli-'))
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
    async tables() {
      const names = await target.rows(
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY 1",
      )
      const contents = names.map(async ([name]) => {
        const rows = await target.rows(`SELECT t::text FROM public.${name} t ORDER BY t`, 'admin')
        return [name, rows.map(([row]) => row)] as const
      })
      return Object.fromEntries(await Promise.all(contents))
    },
    sessions: () =>
      settle(
        async () => {
          const [atSource, atTarget] = await Promise.all([
            engines.mysql.sessions({ user: source.user }),
            engines.postgres.sessions({ user: target.user }),
          ])
          return atSource + atTarget
        },
        0,
        5000,
      ),
    async home() {
      const home = join(folder, '.airlock')
      const entries = await readdir(home, { recursive: true, withFileTypes: true })
      const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
      return (await Promise.all(files.map((file) => readFile(file, 'utf8')))).join('\n')
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([source.drop(), target.drop(), rm(folder, { recursive: true, force: true })])
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
