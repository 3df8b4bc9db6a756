import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { QueryLimits } from '../../src/core/driver.js'
import { runQuery } from '../../src/run/query.js'
import { Workspace } from '../../src/run/workspace.js'
import type { TestDatabase } from '../../src/testing/index.js'
import { describeWith } from '../setup/engines.js'

const LIMITS: QueryLimits = { rows: 100, bytes: 1_000_000, cellBytes: 10_000, timeoutMs: 20_000 }
/** A value that no mask gives, whose characters and length are unlike those of anything else. */
const HIDDEN = 'zqzqzqzq@zqzq.zq'

const TABLES = `
  CREATE TABLE customers (id INT PRIMARY KEY, email VARCHAR(80), city VARCHAR(40));
  CREATE TABLE orders (id INT PRIMARY KEY, customer_id INT, amount INT, note VARCHAR(80));
  INSERT INTO customers VALUES (1, '${HIDDEN}', 'Bern'), (2, NULL, 'Basel');
  INSERT INTO orders VALUES (1, 1, 10, 'first'), (2, 1, 32, 'second');
  CREATE VIEW people AS SELECT id, email, city FROM customers`

/** Statements that try to see the column in another way. */
const BOTH = [
  'SELECT email FROM customers WHERE id = 1',
  'SELECT email AS x FROM customers WHERE id = 1',
  'SELECT * FROM customers ORDER BY id',
  'SELECT c.* FROM customers c JOIN orders o ON o.customer_id = c.id',
  'SELECT lower(email) FROM customers WHERE id = 1',
  "SELECT concat('x', email) AS y FROM customers WHERE id = 1",
  'SELECT length(email) FROM customers WHERE id = 1',
  'SELECT ascii(substr(email, 1, 1)) FROM customers WHERE id = 1',
  'SELECT max(email) FROM customers',
  'SELECT (SELECT email FROM customers WHERE id = 1) AS city',
  'SELECT city FROM (SELECT lower(email) AS city FROM customers) AS customers',
  'SELECT note FROM (SELECT email AS note FROM customers) AS orders',
  'SELECT note FROM (SELECT DISTINCT email AS note FROM customers) AS orders',
  'SELECT note FROM orders UNION SELECT email FROM customers',
  "SELECT 0 AS id, 'b' AS city, 'c' AS note UNION SELECT * FROM customers",
  'WITH orders AS (SELECT email AS note FROM customers) SELECT note FROM orders',
  'WITH orders AS (SELECT max(email) AS note FROM customers) SELECT note FROM orders',
  'WITH t AS (SELECT * FROM customers) SELECT * FROM t',
  'SELECT email FROM people WHERE id = 1',
  'SELECT * FROM people WHERE id = 1',
  'SELECT CASE WHEN id = 1 THEN email END FROM customers',
  'SELECT coalesce(EMAIL, city) FROM customers',
  'SELECT min(id), email FROM customers GROUP BY email',
] as const
const ONLY = {
  mysql: [
    'SELECT `EMAIL` FROM customers',
    'SELECT group_concat(email) FROM customers',
    'SELECT json_object(1, email) FROM customers',
    'SELECT émail FROM customers',
    'SELECT email->"$" FROM customers',
    'EXPLAIN FORMAT=JSON SELECT o.id FROM orders o JOIN customers c ON c.id = 1 WHERE o.note = c.email',
    "SELECT column_name FROM information_schema.columns WHERE table_name = 'customers' UNION SELECT email FROM customers",
  ],
  postgres: [
    'SELECT c FROM customers c',
    'SELECT c::text FROM customers c',
    'SELECT (c).email FROM customers c',
    'SELECT (c).* FROM customers c',
    'SELECT row_to_json(c) FROM customers c',
    'SELECT c.row_to_json FROM customers c',
    'SELECT c.quote_literal FROM customers c',
    'SELECT lower(c.quote_literal) FROM customers c',
    'SELECT json_agg(c) FROM customers c',
    'SELECT array_agg(customers) FROM customers',
    'SELECT upper(customers::text) FROM public.customers',
    'SELECT lower(b) FROM (SELECT * FROM customers) AS t(a, b, c)',
    'SELECT lower(b) FROM (TABLE customers) AS t(a, b, c)',
    'WITH t(a, b, c) AS (SELECT * FROM customers) SELECT lower(b) FROM t',
    'SELECT lower(b) FROM customers AS t(a, b, c)',
    'SELECT b FROM customers AS t(a, b, c)',
    'SELECT * FROM json_each_text((SELECT row_to_json(c) FROM customers c WHERE id = 1)) AS j(k, v)',
    "SELECT (table_to_xml('customers', true, false, ''))::text",
    "SELECT most_common_vals::text FROM pg_stats WHERE tablename = 'sent'",
    "SELECT most_common_vals FROM pg_catalog.pg_stats WHERE tablename = 'sent'",
    'SELECT x FROM customers c, LATERAL (SELECT c::text AS x) s',
    "SELECT string_agg(x, ',') FROM (SELECT c::text AS x FROM customers c) s",
    'TABLE customers',
    'SELECT "email" || \'\' FROM customers',
    'SELECT min(q.email) FROM customers q',
  ],
} as const

/** Statements that have nothing to do with it, and what they show. */
const OPEN = [
  [
    'SELECT city, count(*) AS n FROM customers GROUP BY city ORDER BY city',
    [
      ['Basel', '1'],
      ['Bern', '1'],
    ],
  ],
  ['SELECT sum(amount * 2), max(note) FROM orders', [['84', 'second']]],
  [
    'SELECT c.city, sum(o.amount) FROM customers c JOIN orders o ON o.customer_id = c.id GROUP BY c.city',
    [['Bern', '42']],
  ],
  ['SELECT count(*) FROM orders WHERE customer_id IN (SELECT id FROM customers)', [['2']]],
  ['SELECT upper(city) FROM customers WHERE id = 1', [['BERN']]],
  [
    'SELECT id, note FROM orders ORDER BY id',
    [
      ['1', 'first'],
      ['2', 'second'],
    ],
  ],
] as const

// Broken once: the origin of a column believed in a statement with a derived table (MariaDB), a computed column shown
// without a look at the statement, the row taken for a column (Postgres), a function of the row behind a dot, statistics.
describeWith(['mysql', 'postgres'], 'what queries show', (engines) => {
  describe.each(['mysql', 'postgres'] as const)('of %s', (kind) => {
    let database: TestDatabase
    let folder: string
    beforeAll(async () => {
      database = await engines[kind].createDatabase('rowmask')
      await database.exec(TABLES)
      if (kind === 'postgres') {
        const often = `CREATE TABLE sent AS SELECT '${HIDDEN}'::text AS email FROM generate_series(1, 50)`
        await database.exec(`${often}; ANALYZE sent`)
      }
      folder = await mkdtemp(join(tmpdir(), 'airlock-rowmask-'))
    })
    afterAll(async () => {
      await database.drop()
      await rm(folder, { recursive: true, force: true })
    })

    const ask = async (sql: string, mask: Readonly<Record<string, unknown>>, file = {}) => {
      const { host, port } = engines[kind]
      const { name, user, password } = database
      const shop = { driver: kind, host, port, database: name, user, password: '${env:PW}' }
      const queries = { shop: { mask } }
      await writeFile(join(folder, 'airlock.yaml'), JSON.stringify({ ...file, connections: { shop }, queries }))
      await using workspace = await Workspace.open({ cwd: folder, env: { PW: password, KEY: 'a mask key' } })
      return await runQuery(workspace, 'shop', sql, LIMITS, new AbortController().signal)
    }

    it.each([...BOTH, ...ONLY[kind]])('hides it: %s', async (sql) => {
      const outcome = await ask(sql, { email: 'redact' }).catch((error: { code?: string }) => error)
      if ('rows' in outcome) {
        const shown = outcome.rows.map((row) => row.filter((_, at) => !outcome.masked[at]))
        expect(JSON.stringify(outcome.rows).toLowerCase()).not.toContain('zq')
        // Numbers that were made of it are not shown either.
        expect(shown.flat()).not.toContain(String(HIDDEN.length))
        expect(shown.flat()).not.toContain(String('z'.charCodeAt(0)))
      } else expect(['SQL_INVALID', 'QUERY_REFUSED', 'COLUMN_NOT_FOUND', 'PRIVILEGE_MISSING']).toContain(outcome.code)
    })

    it.each(OPEN)('shows the rest: %s', async (sql, rows) => {
      const { rows: found, masked } = await ask(sql, { email: 'redact' })
      expect({ found, masked: masked.includes(true) }).toEqual({ found: rows, masked: false })
    })

    it('masks by table and column, by rule, and as a pipeline would', async () => {
      const file = { mask_key: '${env:KEY}' }
      const sql = 'SELECT c.id, email, city, note FROM customers c JOIN orders o ON o.customer_id = c.id ORDER BY o.id'
      const { rows, masked } = await ask(
        sql,
        { 'customers.email': 'tokenize', 'orders.city': 'redact', note: null },
        file,
      )
      expect(masked).toEqual([false, true, false, true])
      expect(rows.map(([id, , city, note]) => [id, city, note])).toEqual([
        ['1', 'Bern', null],
        ['1', 'Bern', null],
      ])
      expect(rows[0]![1]).toBe(rows[1]![1])
      expect(rows[0]![1]).not.toContain('zq')
    })

    it('fails where a mask cannot be applied', async () => {
      await expect(ask('SELECT email FROM customers', { email: 'tokenize' })).rejects.toMatchObject({
        code: 'MASK_KEY_MISSING',
      })
      await expect(ask('SELECT 1', { email: 'nonsense' })).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
    })

    it('explains without a value', async () => {
      const { rows, masked } = await ask("EXPLAIN SELECT * FROM customers WHERE email = 'x'", { email: 'redact' })
      expect(masked).not.toContain(true)
      expect(JSON.stringify(rows)).not.toContain('zq')
    })
  })
})
