import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import type { Batch } from '../../src/core/batch.js'
import { supabaseRest } from '../../src/drivers/supabase/index.js'
import { Secret } from '../../src/masking/secret.js'
import { makeCertificates } from '../../src/testing/engines/certificates.js'
import { countSockets, settle, type TestDatabase } from '../../src/testing/index.js'
import { describeWith } from '../setup/engines.js'
import { everythingIn } from './leaks.js'
import { type Fault, PostgrestFake } from './postgrest-fake.js'
import { batches, column, numbers } from './rows.js'
import { failure, open as openDatabase, timed } from './support.js'

const KEY = ['sb', 'secret', 'Zm9vYmFyMTIz'].join('_')

const VALUES: readonly (readonly [type: string, ...literals: string[]])[] = [
  ['boolean', 'true'],
  ['smallint', '-32768'],
  ['bigint', '-9223372036854775808', '9007199254740993'],
  ['numeric(30,10)', '12345678901234567890.1234567890'],
  ['numeric', "'NaN'", '1.50'],
  ['real', "'3.4028235e+38'"],
  ['double precision', "'-Infinity'", '0.1::float8 + 0.2'],
  ['text', "''", String.raw`E'a,b "q" \\ back\\slash (x) \t\n\r é😀 '`, "'NULL'", "' '", `E'"'`, String.raw`E'\\'`],
  ['varchar(10)', "'ab  '"],
  ['bytea', String.raw`'\x00ff0a0d225c5c4e09'`, "''"],
  ['date', "'9999-12-31'", "'infinity'", "'0044-03-15 BC'"],
  ['time(3)', "'23:59:59.999'"],
  ['timestamp(6)', "'2024-02-29 23:59:59.999999'"],
  ['timestamptz', "'2024-06-01 12:00:00.5+03'"],
  ['uuid', "'123e4567-e89b-12d3-a456-426614174000'"],
  ['json', `'{"b": 1,  "a": "x", "a": 1.10}'`, "'null'", `'"s"'`],
  ['jsonb', String.raw`'{"n": 12345678901234567890123, "t": "\t\\"}'`],
  ['text[]', String.raw`ARRAY['a', NULL, 'NULL', 'c,d', '"q"', E'back\\slash', '']`],
  ['integer[]', "'{{1,2},{3,4}}'", "'{}'"],
]

describeWith(['postgres'], 'the REST channel', ({ postgres: engine }) => {
  let database: TestDatabase
  let fake: PostgrestFake
  beforeAll(async () => {
    database = await engine.createDatabase('rest')
    fake = await PostgrestFake.start(database, { key: KEY, maxRows: 700 })
    const rows = Math.max(...VALUES.map((value) => value.length)) - 1
    const columns = VALUES.map(([type], index) => `c${index} ${type}`)
    const row = (at: number) => VALUES.map(([, ...literals]) => literals[at] ?? 'NULL').join(', ')
    await database.exec(`
      CREATE TABLE everything (id int PRIMARY KEY, ${columns.join(', ')});
      ${Array.from({ length: rows + 1 }, (_, at) => `INSERT INTO everything VALUES (${at}, ${row(at)});`).join('\n')}
      CREATE TABLE big AS SELECT i AS id, repeat('x', 40) || i AS body FROM generate_series(1, 3000) i;
      ALTER TABLE big ADD PRIMARY KEY (id);
      CREATE TABLE empty (id int PRIMARY KEY, body text);
      CREATE TABLE keyless (id int);
      CREATE VIEW seen AS SELECT id, body FROM big WHERE id <= 5;
      CREATE TABLE pairs ("a, b" text, "n.o" bigint, "say ""hi""" text, PRIMARY KEY ("a, b", "n.o"));
      INSERT INTO pairs SELECT v, n, v || n FROM unnest(ARRAY['', 'a"b', E'back\\\\slash', 'c,d', 'é', '(x)']) v, generate_series(1, 3) n`)
  })
  afterAll(async () => {
    await fake.stop()
    await database.drop()
  })
  beforeEach(async () => {
    fake.fault = undefined
    fake.requests.length = 0
    await database.exec(
      'DROP TABLE IF EXISTS t; CREATE TABLE t (id int PRIMARY KEY, body text); INSERT INTO t VALUES (-1)',
    )
  })

  const open = (more: object = {}) =>
    supabaseRest.open({ rest_url: fake.url, key: new Secret(KEY, 'key'), page_rows: 1000, ...more }, { name: 'api' })
  /** A fault for the n-th request of a kind. */
  const once = (method: string, nth: number, fault: Fault) => {
    let seen = 0
    fake.fault = (asked, path) => (asked === method && path.length > 1 && ++seen === nth ? fault : undefined)
  }
  const expectNoSockets = async () => expect(await settle(() => countSockets(fake.port), 0, 2_000)).toBe(0)

  it('reads every type as a direct connection does, and NULL apart from the empty string', async () => {
    await using direct = await openDatabase(engine, database)
    await using session = await open()
    const read = async (batches: AsyncIterable<Batch>) =>
      (await objects(batches)).sort((a, b) => Number(a['id']) - Number(b['id']))
    const expected = await read(direct.extract({ table: 'everything' }))
    expect(await read(session.extract({ table: 'everything' }))).toEqual(expected)
    const [theirs, ours] = [
      await direct.describe({ table: 'everything' }),
      await session.describe({ table: 'everything' }),
    ]
    const kinds = (columns: typeof ours.columns) =>
      columns.map(({ name, type, nullable, keyPosition }) => [name, type.kind, nullable, keyPosition])
    expect(kinds(ours.columns)).toEqual(kinds(theirs.columns))
  })

  it('follows the key through pages that the server caps, and through a key of two columns', async () => {
    await using session = await open()
    const extraction = session.extract({ table: 'big', batchBytes: 4096 })
    const ids = (await objects(extraction)).map((row) => Number(row['id']))
    expect(ids).toEqual(Array.from({ length: 3000 }, (_, index) => index + 1))
    expect(extraction.rowsRead).toBe(3000)
    // 700 each, and an empty one.
    expect(fake.requests.filter(({ path }) => path.startsWith('/big'))).toHaveLength(6)
    await using small = await open({ page_rows: 4 })
    const pairs = await objects(small.extract({ table: 'pairs' }))
    const expected = await database.rows('SELECT * FROM pairs ORDER BY 1, 2')
    expect(pairs.map((row) => Object.values(row))).toEqual(expected)
    expect(await objects(small.extract({ table: 'pairs', select: ['say "hi"'] }))).toEqual(
      expected.map(([, , text]) => ({ 'say "hi"': text })),
    )
  })

  it('reads a filter, nothing at all, and a view whose key is declared', async () => {
    await using session = await open({ primary_keys: { seen: ['id'] } })
    expect(await objects(session.extract({ table: 'big', select: ['id'], where: 'id=gte.10&id=lt.12' }))).toEqual([
      { id: '10' },
      { id: '11' },
    ])
    const [empty, ...more] = await all(session.extract({ table: 'empty' }))
    expect([empty!.rowCount, empty!.columns.map(({ name }) => name), more]).toEqual([0, ['id', 'body'], []])
    expect(await objects(session.extract({ table: 'seen' }))).toHaveLength(5)
    const described = await session.describe({ table: 'big', select: ['body'] })
    expect(described.statement).toBe('GET /big?select=body,id&order=id.asc&limit=1000')
  })

  it.each([
    ['a table without a key', { table: 'keyless' }, 'UNSUPPORTED'],
    ['a query', { query: 'SELECT 1' }, 'UNSUPPORTED'],
    ['a table that is not there', { table: 'absent' }, 'TABLE_NOT_FOUND'],
    ['a column that is not there', { table: 'big', select: ['bdoy'] }, 'COLUMN_NOT_FOUND'],
    ['a filter that is none', { table: 'big', where: 'limit=5' }, 'CONFIG_INVALID'],
  ] as const)('refuses %s', async (_, request, code) => {
    await using session = await open()
    await failure(objects(session.extract(request)), code)
  })

  it('refuses dates in a style or a zone that it cannot choose', async () => {
    for (const setting of ["timezone = 'Asia/Tokyo'", "datestyle = 'German'"]) {
      await database.exec(`ALTER DATABASE ${database.name} SET ${setting}`)
      try {
        await using session = await open()
        await failure(objects(session.extract({ table: 'everything' })), 'UNSUPPORTED')
      } finally {
        await database.exec(`ALTER DATABASE ${database.name} RESET ALL`)
      }
    }
  })

  it('stops at an early break and at an abort, and goes on', async () => {
    const session = await open()
    for await (const _ of session.extract({ table: 'big', batchBytes: 1024 })) break
    await session.ping()
    once('GET', 2, { kind: 'stalled' })
    const aborted = session.extract({ table: 'big' }, AbortSignal.timeout(300))
    const { ms } = await timed(() => failure(objects(aborted), 'DEADLINE_EXCEEDED'))
    expect(ms).toBeLessThan(2_000)
    fake.fault = undefined
    await session.close()
    await expectNoSockets()
  })

  it('waits and asks again when it is told to, for pages that did not begin', async () => {
    await using session = await open()
    let refused = 0
    fake.fault = (_, path) => {
      if (!path.startsWith('/big') || refused === 2) return undefined
      return { kind: 'status', status: ++refused === 1 ? 429 : 503, headers: { 'retry-after': '0' } }
    }
    expect(await objects(session.extract({ table: 'big' }))).toHaveLength(3000)
    expect(refused).toBe(2)
    fake.fault = (_, path) =>
      path.startsWith('/big') ? { kind: 'status', status: 429, headers: { 'retry-after': '0' } } : undefined
    const error = await failure(objects(session.extract({ table: 'big' })), 'RATE_LIMITED')
    expect(error.retryable).toBe(true)
  })

  it.each([
    [{ kind: 'status', status: 500 }, 'QUERY_FAILED'],
    [{ kind: 'truncated' }, 'CONNECTION_LOST'],
    [{ kind: 'endless' }, 'RESPONSE_TOO_LARGE'],
    [{ kind: 'short' }, 'PROTOCOL_ERROR'],
    [{ kind: 'unframed' }, 'PROTOCOL_ERROR'],
  ] as const)('fails on page two: %o', async (fault, code) => {
    const session = await open({ max_response_bytes: 200_000 })
    once('GET', 2, fault)
    const error = await failure(objects(session.extract({ table: 'big' })), code)
    expect(error.connection).toBe('api')
    expect(everythingIn(error)).not.toMatch(new RegExp(`canary|${KEY}|${fake.port}|big`))
    fake.fault = undefined
    expect(await objects(session.extract({ table: 'empty' }))).toEqual([])
    await session.close()
    await expectNoSockets()
  })

  it.each([301, 302, 307, 308])(
    'CN-14 follows no redirect (%i), so that the key reaches no other origin',
    async (status) => {
      const reached: unknown[] = []
      const other = createServer((request, response) => {
        reached.push(request.headers)
        response.end()
      })
      await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
      const location = `http://127.0.0.1:${(other.address() as AddressInfo).port}/big`
      try {
        await using session = await open()
        fake.fault = (_, path) => (path.length > 1 ? { kind: 'status', status, headers: { location } } : undefined)
        await failure(objects(session.extract({ table: 'big' })), 'REDIRECT_REFUSED')
        const write = session.write({ table: 't', mode: 'append' }, numbers('id', 3))
        await failure(write, 'REDIRECT_REFUSED')
        expect(reached).toEqual([])
      } finally {
        other.close()
      }
    },
  )

  it('appends everything in one request: all rows or none, and not twice', async () => {
    await using session = await open()
    await using direct = await openDatabase(engine, database)
    await database.exec('CREATE TABLE copied (LIKE everything INCLUDING ALL)')
    // A JSON null would become SQL NULL on this way.
    const write = (where?: string) =>
      session.write(
        { table: 'copied', mode: 'append' },
        direct.extract({ table: 'everything', ...(where === undefined ? {} : { where }) }),
      )
    await failure(write(), 'VALUE_POLICY')
    const rest = "c15::text IS DISTINCT FROM 'null'"
    const texts = (table: string) => database.rows(`SELECT e::text FROM ${table} e WHERE ${rest} ORDER BY id`)
    const { length } = await texts('everything')
    expect(await write(rest)).toMatchObject({ route: 'request', rowsSent: length, rowsConfirmed: length })
    expect(await texts('copied')).toEqual(await texts('everything'))
    const plan = { table: 't', mode: 'append' } as const
    expect(await session.write(plan, numbers('id', 5000))).toMatchObject({ rowsSent: 5000, rowsCounted: 5000 })
    const again = await failure(session.write(plan, numbers('id', 5001)), 'CONSTRAINT_VIOLATED')
    expect(again.origin).toBe('23505')
    expect(everythingIn(again)).not.toMatch(/Key|already|\(5000\)/)
    await failure(
      session.write({ ...plan, beforeCommit: () => Promise.reject(new RangeError('no')) }, numbers('id', 9, 9000)),
    )
    const broken = async function* () {
      yield* numbers('id', 3000, 9000)
      throw new RangeError('of the source')
    }
    await failure(session.write(plan, broken()))
    expect(await database.rows('SELECT count(*), max(id) FROM t')).toEqual([['5001', '5000']])
  })

  it('says so when the outcome of an append is not known', async () => {
    await using session = await open()
    once('POST', 1, { kind: 'lost' })
    const error = await failure(session.write({ table: 't', mode: 'append' }, numbers('id', 100)), 'OUTCOME_UNKNOWN')
    expect(error.retryable).toBe(false)
    expect(await database.rows('SELECT count(*) FROM t')).toEqual([['101']])
  })

  it('updates or ignores what is there, and repeats requests whose outcome was lost', async () => {
    await using session = await open({ page_rows: 300 })
    const columns = [column('id', 'int32'), column('body', 'text')]
    const rows = (body: string, count: number) =>
      batches(
        columns,
        Array.from({ length: count }, (_, index) => [String(index), body]),
      )
    const write = (conflicts: string, body: string, count: number) =>
      session.write({ table: 't', mode: 'append', policies: { conflicts } }, rows(body, count))
    let seen = 0
    fake.fault = (method) => {
      if (method !== 'POST') return undefined
      seen++
      if (seen === 2) return { kind: 'lost' }
      return seen === 3 ? { kind: 'status', status: 503, headers: { 'retry-after': '0' } } : undefined
    }
    expect(await write('update', 'first', 1000)).toMatchObject({
      route: 'requests',
      rowsSent: 1000,
      rowsConfirmed: 1000,
    })
    expect(seen).toBe(4 + 2)
    fake.fault = undefined
    expect(await write('update', 'second', 10)).toMatchObject({ rowsConfirmed: 10, policyCounts: {} })
    expect(await write('ignore', 'third', 1005)).toMatchObject({ rowsConfirmed: 5, policyCounts: { conflicts: 1000 } })
    expect(await database.rows('SELECT body, count(*) FROM t GROUP BY body ORDER BY body')).toEqual([
      ['first', '990'],
      ['second', '10'],
      ['third', '5'],
      [null, '1'],
    ])
    const outline = await session.outline({ table: 't', mode: 'append', policies: { conflicts: 'update' } }, columns)
    expect([outline.statements, outline.columnTypes]).toEqual([
      ['POST /t?columns=id,body&on_conflict=id'],
      { id: 'integer', body: 'text' },
    ])
  })

  it('refuses writes that could not be told from their repetition, or that do not fit', async () => {
    await using session = await open()
    const write = (table: string, policies: Record<string, string>, ...names: string[]) =>
      session.write({ table, mode: 'append', policies }, batches(names.map((name) => column(name, 'text'))))
    await failure(write('keyless', {}, 'id'), 'SCHEMA_MISMATCH')
    await failure(write('t', {}, 'body'), 'SCHEMA_MISMATCH')
    await failure(write('t', {}, 'id', 'bdoy'), 'SCHEMA_MISMATCH')
    await failure(write('t', { conflicts: 'replace' }, 'id'), 'CONFIG_INVALID')
    await failure(session.write({ table: 't', mode: 'replace' }, numbers('id', 1)), 'UNSUPPORTED')
    expect(fake.requests.filter(({ method }) => method === 'POST')).toEqual([])
  })

  it('proves the key when it connects, and shows it to nobody', async () => {
    const wrong = ['sb', 'secret', 'd3Jvbmc'].join('_')
    const error = await failure(open({ key: new Secret(wrong, 'key') }), 'AUTH_FAILED')
    expect(everythingIn(error)).not.toMatch(new RegExp(`${wrong}|${fake.port}|canary`))
    await failure(open({ key: new Secret(`${KEY}\nx-other: 1`, 'key') }), 'CONFIG_INVALID')
    await using session = await open()
    await session.ping()
    expect(fake.requests.every(({ path }) => !path.includes('sb_'))).toBe(true)
    await session.close()
    await expectNoSockets()
  })

  it.each([
    'postgres://h/db',
    'https://user:pass@h.test',
    'https://h.test/rest?apikey=1',
    'https://h.test:99999',
    'http://h.test/rest/v1 ',
  ])('refuses the address %s', async (rest_url) => {
    await failure(open({ rest_url }), 'CONFIG_INVALID')
  })
})

describeWith(['postgres'], 'the REST channel under TLS', ({ postgres: engine }) => {
  it('verifies the name, and speaks no plaintext to an https address', async () => {
    const database = await engine.createDatabase('rest')
    const folder = await mkdtemp(join(tmpdir(), 'airlock-rest-'))
    const certificates = makeCertificates({ names: ['api.airlock.test'] })
    await using fake = await PostgrestFake.start(database, { key: KEY, tls: certificates })
    try {
      const ca = join(folder, 'ca.pem')
      await writeFile(ca, certificates.ca)
      const open = (tls?: object) =>
        supabaseRest.open({ rest_url: fake.url, key: new Secret(KEY, 'key'), ...(tls === undefined ? {} : { tls }) })
      const tls = { mode: 'verify-full', ca, server_name: 'api.airlock.test' }
      const session = await open(tls)
      await session.ping()
      await session.close()
      await failure(open({ ...tls, server_name: 'other.test' }), 'TLS_NAME_MISMATCH')
      await failure(open({ mode: 'verify-full', server_name: 'api.airlock.test' }), 'TLS_UNTRUSTED')
      await failure(open(), 'CONFIG_INVALID')
      expect(fake.requests).toHaveLength(2)
      expect(await settle(() => countSockets(fake.port), 0, 2_000)).toBe(0)
    } finally {
      await rm(folder, { recursive: true, force: true })
      await database.drop()
    }
  })
})

async function all(source: AsyncIterable<Batch>): Promise<Batch[]> {
  const list: Batch[] = []
  for await (const batch of source) list.push(batch)
  return list
}

async function objects(source: AsyncIterable<Batch>): Promise<Record<string, unknown>[]> {
  return (await all(source)).flatMap((batch) => [...batch.objects()])
}
