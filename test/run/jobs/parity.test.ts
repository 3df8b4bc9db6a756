import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { loadPipeline } from '../../../src/config/load-pipeline.js'
import { runPipeline } from '../../../src/run/local-runner.js'
import type { StreamReport } from '../../../src/run/report.js'
import { Workspace } from '../../../src/run/workspace.js'
import { readTelemetryEvents } from '../../../src/sinks/index.js'
import type { Engine, TestDatabase } from '../../../src/testing/index.js'
import { GraphqlServer } from '../../drivers/graphql-server.js'
import { describeWith } from '../../setup/engines.js'
import { type BuiltBundle, buildBundle } from '../../setup/worker-bundle.js'
import { streamsJob } from './streams-job.js'
import { WorkerProcess } from './worker-process.js'

const TEST_MS = 60_000
const ROWS = 3000

/** What a report says that does not depend on the clock. */
const counted = ({ seconds: _, rows_per_second: __, ...report }: StreamReport) => report

describeWith(['mysql', 'postgres'], 'a job in a worker does what the same run does here', (engines) => {
  let bundle: BuiltBundle
  let folder: string
  let shop: TestDatabase
  let warehouse: TestDatabase
  let api: GraphqlServer
  const token = 'token-of-the-api'
  beforeAll(async () => {
    bundle = await buildBundle()
    folder = await mkdtemp(join(tmpdir(), 'airlock-parity-'))
    shop = await engines.mysql.createDatabase('parity')
    warehouse = await engines.postgres.createDatabase('parity')
    api = await GraphqlServer.start()
    api.allows = ({ authorization }) => authorization === `Bearer ${token}`
    const table = `CREATE TABLE orders (id INT PRIMARY KEY, email VARCHAR(80), amount DECIMAL(10,2), at TIMESTAMP NULL)`
    const rows = Array.from(
      { length: ROWS },
      (_, id) => `(${id}, '${id}@example.com', ${id}.25, '2024-01-02 03:04:05')`,
    )
    const items = 'CREATE TABLE items (id INT PRIMARY KEY, order_id INT NOT NULL REFERENCES orders (id))'
    for (const database of [shop, warehouse]) {
      await database.exec(
        `${table}; INSERT INTO orders VALUES ${rows.join(', ')}; ${items}; INSERT INTO items VALUES (1, 1), (2, 7)`,
      )
    }
    await mkdir(join(folder, 'in'))
    await mkdir(join(folder, 'out'))
    await writeFile(
      join(folder, 'in', 'orders.csv'),
      `id,email\n${Array.from({ length: 50 }, (_, id) => `${id},${id}@example.com`).join('\n')}\n`,
    )
    const connection = (engine: Engine, { name, user }: TestDatabase, variable: string) => ({
      ...{ driver: engine.engine, host: engine.host, port: engine.port, database: name, user },
      password: `\${env:${variable}}`,
      ...(engine.caFile === undefined ? {} : { tls: { mode: 'verify-ca', ca: engine.caFile } }),
    })
    const connections = {
      shop: connection(engines.mysql, shop, 'SHOP'),
      warehouse: connection(engines.postgres, warehouse, 'WAREHOUSE'),
      api: { driver: 'graphql', endpoint: api.url, page_size: 7, auth: { type: 'bearer', token: '${env:API}' } },
      files: { driver: 'files', root: 'in' },
      exports: { driver: 'files', root: 'out' },
    }
    await writeFile(join(folder, 'airlock.yaml'), JSON.stringify({ home: 'kept', mask_key: '${env:KEY}', connections }))
  })
  afterAll(async () => {
    await Promise.all([shop.drop(), warehouse.drop(), api.stop()])
    await bundle[Symbol.asyncDispose]()
    await rm(folder, { recursive: true, force: true })
  })

  const orders = { mode: 'replace', mask: { email: 'tokenize' } }
  const graphql = `query ($first: Int, $after: String) {
    orders(first: $first, after: $after) { nodes { id number email total } pageInfo { hasNextPage endCursor } } }`
  const cases: Readonly<
    Record<string, { source: string; target: string; streams: Record<string, object>; inputs?: readonly string[] }>
  > = {
    'mysql → postgres': {
      source: 'shop',
      target: 'warehouse',
      streams: {
        orders: { ...orders, target_table: 'copy_orders' },
        items: { mode: 'merge', primary_key: ['id'], target_table: 'copy_items' },
      },
    },
    'postgres → mysql': {
      source: 'warehouse',
      target: 'shop',
      streams: {
        orders: { ...orders, target_table: 'copy_orders' },
        items: { mode: 'merge', primary_key: ['id'], target_table: 'copy_items' },
      },
    },
    'graphql → postgres': {
      source: 'api',
      target: 'warehouse',
      streams: { orders: { mode: 'replace', graphql: { document: graphql }, target_table: 'copy_orders' } },
    },
    'files → postgres': {
      source: 'files',
      target: 'warehouse',
      streams: { orders: { ...orders, target_table: 'copy_orders' } },
      inputs: ['orders.csv'],
    },
  }
  const env = () => ({ SHOP: shop.password, WAREHOUSE: warehouse.password, API: token, KEY: 'the key of all masks' })

  for (const [title, { source, target, streams, inputs = [] }] of Object.entries(cases)) {
    it(title, { timeout: TEST_MS }, async () => {
      await using space = await Workspace.open({ cwd: folder, env: env() })
      const path = join(folder, 'nightly.yaml')
      await writeFile(path, JSON.stringify({ name: 'nightly', source, target, streams }))
      const pipeline = await loadPipeline(path, space.config)
      const database = target === 'shop' ? shop : warehouse
      const tables = ['copy_orders', ...(streams['items'] === undefined ? [] : ['copy_items'])]
      const contents = async () => {
        const found = []
        for (const table of tables) found.push(await database.rows(`SELECT * FROM ${table} ORDER BY 1`))
        return found
      }
      const clear = async () => {
        for (const table of [...tables].reverse()) await database.exec(`DROP TABLE IF EXISTS ${table}`)
      }
      await clear()
      const local = await runPipeline(space, pipeline, { retries: 0 })
      expect(local.streams.map(({ error }) => error)).toEqual(local.streams.map(() => null))
      const here = await contents()
      await clear()
      await space.telemetry.flush()
      const events: string[] = []
      await readTelemetryEvents(join(folder, 'kept', 'telemetry'), ({ type, data }) => {
        if ((data as { run?: string } | null)?.run === local.run_id && !type.startsWith('run.')) events.push(type)
      })
      const texts = Object.fromEntries(
        await Promise.all(
          inputs.map(async (name) => [name, await readFile(join(folder, 'in', name), 'utf8')] as const),
        ),
      )
      await using worker = await WorkerProcess.start({ bundle: bundle.folder, inputs: texts })
      const { exit, frames, manifest, result, remote, stderr } = await worker.perform(
        await streamsJob(space, pipeline, { fence: { holder: title, number: 1 } }),
      )
      expect({ stderr, remote, result: result?.streams.map(({ error }) => error), exit }).toEqual({
        stderr: '',
        remote: [],
        result: local.streams.map(() => null),
        exit: 0,
      })
      expect(result!.streams.map(counted)).toEqual(space.masker.value(local.streams.map(counted)))
      expect(await contents()).toEqual(here)
      expect(here[0]!.length).toBeGreaterThan(10)
      expect(frames.flatMap((frame) => (frame.t === 'event' ? [frame.name] : []))).toEqual(events)
      expect(frames.map(({ t }) => t).filter((t) => t !== 'beat' && t !== 'progress' && t !== 'event')).toEqual([
        'hello',
        'opened',
        ...[source, target].filter((name) => name !== 'files').map(() => 'probe'),
        'end',
      ])
      expect(manifest).toMatchObject({ status: 'ok', files: [{ path: 'report.json', kind: 'report' }] })
      expect(result!.counters['connections_opened']).toBe(local.connections.opened)
      expect(result!.counters['connections_closed']).toBe(local.connections.closed)
    })
  }

  it('mysql → files', { timeout: TEST_MS }, async () => {
    await using space = await Workspace.open({ cwd: folder, env: env() })
    const path = join(folder, 'nightly.yaml')
    const streams = { orders, items: { mode: 'replace', target_table: 'deep.items' } }
    await writeFile(path, JSON.stringify({ name: 'nightly', source: 'shop', target: 'exports', streams }))
    const pipeline = await loadPipeline(path, space.config)
    const local = await runPipeline(space, pipeline, { retries: 0 })
    await using worker = await WorkerProcess.start({ bundle: bundle.folder })
    const { exit, manifest, result } = await worker.perform(await streamsJob(space, pipeline))
    expect([exit, result!.streams.map(counted)]).toEqual([0, space.masker.value(local.streams.map(counted))])
    const here = await Promise.all(['deep/items.csv', 'orders.csv'].map((name) => readFile(join(folder, 'out', name))))
    expect(here[1]!.length).toBeGreaterThan(10_000)
    const described = (name: string, data: Buffer) => ({
      path: `data/${name}`,
      size: data.length,
      sha256: createHash('sha256').update(data).digest('hex'),
      kind: 'data',
    })
    expect(manifest!.files.slice(1)).toEqual([described('deep/items.csv', here[0]!), described('orders.csv', here[1]!)])
  })
})
