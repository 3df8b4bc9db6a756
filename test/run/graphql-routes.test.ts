import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { countSockets, settle, type TestDatabase } from '../../src/testing/index.js'
import { airlock } from '../cli/airlock.js'
import { raw } from '../drivers/graphql-schema.js'
import { GraphqlServer } from '../drivers/graphql-server.js'
import { failAt } from '../drivers/graphql-support.js'
import { canary } from '../drivers/support.js'
import { describeWith } from '../setup/engines.js'

const ORDERS = `query ($first: Int, $after: String) {
  orders(first: $first, after: $after) {
    nodes { id number email total customer { name } lines(first: 1) { edges { node { sku } } pageInfo { hasNextPage endCursor } } }
    pageInfo { hasNextPage endCursor }
  }
}`
const INSERT = 'mutation ($objects: [OrderInput!]!) { insertOrders(objects: $objects) { affected_rows } }'

// Each of these starts several processes.
const TEST_MS = 120_000

describeWith(['postgres'], 'GraphQL from the command line', ({ postgres: engine }) => {
  const token = canary()
  let server: GraphqlServer
  let database: TestDatabase
  let folder: string
  beforeAll(async () => {
    server = await GraphqlServer.start()
    database = await engine.createDatabase('graphql')
  })
  afterAll(async () => {
    await server.stop()
    await database.drop()
  })
  beforeEach(async () => {
    server.reset()
    server.allows = ({ authorization }) => authorization === `Bearer ${token}`
    await database.exec('DROP SCHEMA public CASCADE; CREATE SCHEMA public')
    folder = await mkdtemp(join(tmpdir(), 'airlock-graphql-'))
    const { name, user } = database
    const connections = {
      api: {
        driver: 'graphql',
        endpoint: server.url,
        page_size: 7,
        auth: { type: 'bearer', token: '${env:API_TOKEN}' },
      },
      warehouse: {
        driver: 'postgres',
        host: engine.host,
        port: engine.port,
        database: name,
        user,
        password: '${env:PG}',
      },
    }
    await writeFile(join(folder, 'airlock.yaml'), JSON.stringify({ mask_key: '${env:KEY}', connections }), {
      mode: 0o600,
    })
    return async () => {
      await rm(folder, { recursive: true })
      expect(await settle(() => server.sockets, 0, 2_000)).toBe(0)
      expect(await settle(() => engine.sessions({ database: database.name }), 0, 2_000)).toBe(0)
    }
  })

  const pipeline = (source: string, target: string, streams: object) =>
    writeFile(join(folder, 'nightly.yaml'), JSON.stringify({ name: 'nightly', source, target, streams }))
  const run = async (...args: string[]) => {
    const env = { API_TOKEN: token, PG: database.password, KEY: 'key of the test' }
    const ended = await airlock([...args, '--json'], { cwd: folder, env })
    expect(`${ended.stdout}${ended.stderr}`).not.toContain(token)
    return { code: ended.code, answer: JSON.parse(ended.stdout) as { data?: never; error?: { code: string } }, ended }
  }
  const reports = (answer: unknown) => (answer as { data: { streams: Record<string, unknown>[] } }).data.streams

  it(
    'reads a document and a table into Postgres: types, masks, digits, nested records',
    async () => {
      server.shop.set({
        orders: 20,
        lines: 3,
        everything: [{ big: raw('9007199254740993'), decimal: raw('0.10'), json: raw('{"a": 1.10}') }],
      })
      await writeFile(join(folder, 'orders.graphql'), ORDERS)
      await pipeline('api', 'warehouse', {
        orders: {
          mode: 'replace',
          primary_key: 'id',
          graphql: { file: 'orders.graphql', records: 'orders' },
          mask: { email: 'tokenize' },
        },
        everything: { mode: 'replace', select: ['big', 'decimal', 'json'] },
        people: { table: 'people', target_table: 'persons', mode: 'replace' },
      })
      const { code, answer } = await run('run', 'nightly.yaml')
      expect(reports(answer)).toMatchObject([
        { status: 'ok', rows_read: 20, rows_written: 20 },
        { status: 'ok', rows_written: 1 },
        { status: 'ok', rows_written: 25 },
      ])
      expect(code).toBe(0)
      const [row, ...others] = await database.rows('SELECT * FROM orders ORDER BY number')
      expect([row![0], row![1], row![3], row![4], others.length]).toEqual(['o0', '0', '0.10', '{"name": "c0"}', 19])
      expect(row![2]).not.toContain('example.com')
      expect(JSON.parse(row![5]!)).toEqual([{ sku: 'sku o0.0' }, { sku: 'sku o0.1' }, { sku: 'sku o0.2' }])
      expect(await database.rows('SELECT big, decimal, json FROM everything')).toEqual([
        ['9007199254740993', '0.10', '{"a": 1.10}'],
      ])
      expect(await database.rows('SELECT count(*) FROM persons')).toEqual([['25']])
    },
    TEST_MS,
  )

  it(
    'leaves the target as it was where the source fails in the middle (rows)',
    async () => {
      await database.exec("CREATE TABLE orders (id text, number int); INSERT INTO orders VALUES ('before', 1)")
      const document =
        'query ($f: Int, $a: String) { orders(first: $f, after: $a) { nodes { id number } pageInfo { hasNextPage endCursor } } }'
      await pipeline('api', 'warehouse', { orders: { mode: 'replace', graphql: { document } } })
      failAt(server, 3, { kind: 'errors', data: true })
      const { code, answer } = await run('run', 'nightly.yaml')
      expect([code, reports(answer)[0]!['status']]).toEqual([5, 'failed'])
      expect(await database.rows('SELECT * FROM orders')).toEqual([['before', '1']])
    },
    TEST_MS,
  )

  it(
    'writes rows of Postgres by mutations, and ends with 6 where some of them are refused',
    async () => {
      await database.exec(`CREATE TABLE orders (id int PRIMARY KEY, number int, total numeric(30,2), at timestamptz, extra jsonb);
      INSERT INTO orders SELECT i, i, 12345678901234567890.10, '2024-01-02 03:04:05+00', '{"n": 12345678901234567890}' FROM generate_series(1, 25) i`)
      const mutation = {
        document: INSERT,
        rows: 'objects',
        batch: 10,
        count_path: 'insertOrders.affected_rows',
        idempotency_header: 'Idempotency-Key',
        quarantine: { path: 'rejected.jsonl' },
      }
      await pipeline('warehouse', 'api', { orders: { mode: 'append', mutation } })
      const good = await run('run', 'nightly.yaml')
      expect([good.code, reports(good.answer)[0]!['rows_written']]).toEqual([0, 25])
      expect(server.shop.written[24]).toMatchObject({
        number: 25,
        total: '12345678901234567890.10',
        at: '2024-01-02T03:04:05Z',
      })
      expect(server.requests.at(-1)!.body).toContain('"extra":{"n": 12345678901234567890}')
      server.shop.refused.add('12')
      const bad = await run('run', 'nightly.yaml')
      expect(bad.code).toBe(6)
      expect(reports(bad.answer)[0]).toMatchObject({
        status: 'failed',
        error: { code: 'ROWS_REJECTED', origin: 'BAD_USER_INPUT' },
      })
      const quarantine = await readFile(join(folder, 'rejected.jsonl'), 'utf8')
      expect(quarantine.split('\n').filter((line) => line !== '')).toHaveLength(10)
    },
    TEST_MS,
  )

  it(
    'plans without a word to the API but for its schema, and checks, discovers and copies',
    async () => {
      await pipeline('api', 'warehouse', {
        orders: { mode: 'replace', graphql: { document: ORDERS, records: 'orders' } },
      })
      const plan = await run('plan', 'nightly.yaml')
      expect([plan.code, plan.ended.stdout.includes('orders(first: $first')]).toEqual([0, true])
      expect(server.requests.every(({ query }) => /__schema|__typename/.test(query))).toBe(true)
      expect((await run('check', 'api')).code).toBe(0)
      const copy = [
        'copy',
        '--source',
        'api',
        '--source-table',
        'people',
        '--target',
        'warehouse',
        '--target-table',
        'p',
      ]
      expect((await run(...copy)).code).toBe(0)
      expect(await database.rows('SELECT count(*) FROM p')).toEqual([['25']])
      expect(await countSockets(server.port)).toBe(0)
    },
    TEST_MS,
  )
})
