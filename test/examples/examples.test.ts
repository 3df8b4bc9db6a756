import { execFile } from 'node:child_process'
import { cp, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { EngineFacts, TestDatabase } from '../../src/testing/index.js'
import { settle } from '../../src/testing/index.js'
import { describeWith } from '../setup/engines.js'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const TSX = join(ROOT, 'node_modules/tsx/dist/cli.mjs')

const SHOP = `
  CREATE TABLE customers (id INT PRIMARY KEY, email VARCHAR(80) NOT NULL, phone VARCHAR(20), notes TEXT);
  CREATE TABLE orders (id INT PRIMARY KEY, customer_id INT NOT NULL, email VARCHAR(80) NOT NULL,
    amount DECIMAL(12,2) NOT NULL);
  INSERT INTO customers VALUES (1, 'ada@example.com', '+41 79 555 01 23', 'calls back'), (2, 'bo@example.org', NULL, NULL);
  INSERT INTO orders VALUES (1, 1, 'ada@example.com', 19.90), (2, 2, 'bo@example.org', 5), (3, 1, 'ada@example.com', 0.10)`

describeWith(['mysql', 'postgres'], 'the examples', ({ mysql, postgres }) => {
  let shop: TestDatabase
  let warehouse: TestDatabase
  let folder: string

  beforeAll(async () => {
    shop = await mysql.createDatabase('examples')
    warehouse = await postgres.createDatabase('examples')
    await shop.exec(SHOP)
    // A copy beside the originals' home: the pipeline's home must not appear in the checkout.
    folder = await mkdtemp(join(tmpdir(), 'airlock-examples-'))
    await cp(join(ROOT, 'examples'), folder, { recursive: true })
  })

  afterAll(async () => {
    await Promise.all([shop.drop(), warehouse.drop(), rm(folder, { recursive: true, force: true })])
  })

  /** Runs an example as `node` would, with the package's name standing for the sources. */
  async function run(example: string): Promise<string> {
    const args = [TSX, '--tsconfig', join(ROOT, 'examples/tsconfig.json'), join(folder, example)]
    const { stdout, stderr } = await promisify(execFile)(process.execPath, args, {
      cwd: ROOT,
      env: {
        PATH: process.env['PATH'],
        SHOP_URL: url('mysql', mysql, shop),
        WAREHOUSE_URL: url('postgres', postgres, warehouse),
        MASK_KEY: 'a key for the examples',
      },
    })
    expect(stderr).toBe('')
    return stdout
  }

  it('reads rows with a masked column', async () => {
    const lines = (await run('read-rows.mjs')).trimEnd().split('\n')
    const tokens = lines.map((line) => line.split('  '))
    expect(tokens.map(([id, , amount]) => `${id} ${amount}`)).toEqual(['1 19.90', '2 5.00', '3 0.10'])
    expect(tokens[0]?.[1]).toMatch(/^[\w-]{22}$/)
    expect(tokens[2]?.[1]).toBe(tokens[0]?.[1])
    expect(tokens[1]?.[1]).not.toBe(tokens[0]?.[1])
  })

  it('moves a table', async () => {
    expect(await run('move-table.mjs')).toBe('2 rows sent, 2 confirmed, 2 counted\n')
    expect(await warehouse.rows('SELECT id, email, phone, notes FROM public.customers ORDER BY id')).toEqual([
      ['1', 'a***@example.com', '***0123', '***'],
      ['2', '***@example.org', null, null],
    ])
  })

  it('loads a CSV file and writes it back', async () => {
    expect(await run('load-csv.mjs')).toBe('3 rows in Postgres\n3 rows in the file\n')
    expect(await warehouse.rows('SELECT id, email, balance, notes FROM public.people ORDER BY id')).toEqual([
      ['1', 'a***@example.com', '19.90', 'calls back, "soon"'],
      ['2', '***@example.org', '-5.00', null],
      ['3', 'c***@example.net', '0.10', ''],
    ])
    const back = gunzipSync(await readFile(join(folder, 'data/export/people.jsonl.gz'))).toString()
    expect(back).toContain('"balance":19.90,"joined_at":"2024-01-31T09:00:00')
  })

  it('runs a pipeline file', async () => {
    const lines = (await run('run-pipeline.mjs')).trimEnd().split('\n')
    expect(lines).toEqual([
      'customers: 4 columns, masked: email, phone, notes',
      'orders: 4 columns, masked: email',
      'customers: ok, 2 rows',
      'orders: ok, 3 rows',
    ])
    const joined =
      'SELECT count(*) FROM public.orders o JOIN public.customers c ON c.id = o.customer_id AND c.email = o.email'
    expect(await warehouse.rows(joined)).toEqual([['3']])
  })

  it('leaves no connection open', async () => {
    expect(await settle(() => mysql.sessions({ user: shop.user }), 0, 2_000)).toBe(0)
    expect(await settle(() => postgres.sessions({ user: warehouse.user }), 0, 2_000)).toBe(0)
  })
})

function url(scheme: string, engine: EngineFacts, database: TestDatabase): string {
  return `${scheme}://${database.user}:${database.password}@${engine.host}:${engine.port}/${database.name}`
}
