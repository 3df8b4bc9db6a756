import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Batch } from '../../src/core/batch.js'
import { formatType } from '../../src/core/column-type.js'
import { countSockets, settle, type TestDatabase } from '../../src/testing/index.js'
import { describeWith } from '../setup/engines.js'
import { failure, open, timed } from './support.js'

const VALUES: readonly (readonly [name: string, type: string, literal: string, logical: string])[] = [
  ['flag', 'boolean', 'true', 'boolean'],
  ['small', 'smallint', '-32768', 'int16'],
  ['whole', 'integer', '-2147483648', 'int32'],
  ['big', 'bigint', '-9223372036854775808', 'int64'],
  ['exact', 'numeric(20,6)', '12345678901234.123456', 'decimal(20,6)'],
  ['free', 'numeric', '12345678901234567890123456789.000000000000000000000000000001', 'decimal'],
  ['nan', 'numeric', "'NaN'", 'decimal'],
  ['single', 'real', "'3.4028235e+38'", 'float32'],
  ['double_', 'double precision', '0.1::float8 + 0.2', 'float64'],
  ['minus_zero', 'double precision', "'-0'", 'float64'],
  ['infinite', 'double precision', "'-Infinity'", 'float64'],
  ['text_', 'text', String.raw`E'tab\t nl\n cr\r bs\b ff\f vt\x0b back\\ \\N \\. "q" ''a'' 😀 é '`, 'text'],
  ['null_word', 'text', String.raw`'\N'`, 'text'],
  ['dot', 'text', String.raw`'\.'`, 'text'],
  ['empty', 'text', "''", 'text'],
  ['limited', 'varchar(10)', "'ab  '", 'text(10)'],
  ['raw', 'bytea', String.raw`'\x00ff0a0d225c5c4e09'`, 'bytes'],
  ['no_bytes', 'bytea', "''", 'bytes'],
  ['bits', 'bit(12)', "B'100000000001'", 'bit(12)'],
  ['day', 'date', "'9999-12-31'", 'date'],
  ['forever', 'date', "'infinity'", 'date'],
  ['long_ago', 'date', "'0044-03-15 BC'", 'date'],
  ['clock', 'time(3)', "'23:59:59.999'", 'time(3)'],
  ['stamp', 'timestamp(6)', "'2024-02-29 23:59:59.999999'", 'timestamp(6)'],
  ['stamp_tz', 'timestamptz', "'2024-06-01 12:00:00.5+03'", 'timestamptz'],
  ['span', 'interval', "'-838:59:59.5'", 'interval'],
  ['mixed_span', 'interval', "'1 year -2 mons +3 days -04:05:06.789'", 'interval'],
  ['id128', 'uuid', "'123e4567-e89b-12d3-a456-426614174000'", 'uuid'],
  ['doc', 'json', '\'{"b": 1,  "a": "x\\u0000y", "a": 1.10}\'', 'json'],
  ['docb', 'jsonb', '\'{"n": 12345678901234567890123, "t": "\\t\\\\"}\'', 'jsonb'],
  ['words', 'text[]', `ARRAY['a', NULL, 'NULL', 'c,d', '"q"', E'back\\\\slash', E'tab\\t', '']`, 'array<text>'],
  ['grid', 'integer[]', "'{{1,2},{3,4}}'", 'array<int32>'],
  ['none', 'integer[]', "'{}'", 'array<int32>'],
]

const BIG_ROWS = 400_000

describeWith(['postgres'], 'the Postgres source', ({ postgres: engine }) => {
  let from: TestDatabase
  beforeAll(async () => {
    from = await engine.createDatabase('extract')
    const columns = VALUES.map(([name, type]) => `${name} ${type}`).join(', ')
    await from.exec(`
      CREATE TABLE everything (id int PRIMARY KEY, ${columns});
      INSERT INTO everything VALUES (1, ${VALUES.map(([, , literal]) => literal).join(', ')});
      INSERT INTO everything (id) VALUES (2);
      CREATE TABLE empty (a int NOT NULL, b text);
      CREATE TABLE big AS SELECT i AS id, repeat('x', 40) || i AS body FROM generate_series(1, ${BIG_ROWS}) i`)
  })
  afterAll(() => from.drop())

  it('brings back through COPY what COPY took out, for every type', async () => {
    await using source = await open(engine, from)
    await using target = await open(engine, from)
    const described = await source.describe({ table: 'everything' })
    expect(Object.fromEntries(described.columns.map(({ name, type }) => [name, formatType(type)]))).toEqual({
      id: 'int32',
      ...Object.fromEntries(VALUES.map(([name, , , logical]) => [name, logical])),
    })
    const extraction = source.extract({ table: 'everything' })
    const receipt = await target.write({ table: 'returned', mode: 'append' }, extraction)
    expect([extraction.rowsRead, receipt.rowsCounted]).toEqual([2, 2])
    const names = VALUES.map(([name]) => name)
    const read = (table: string) =>
      from.rows(`SELECT id, ${names.map((name) => `${name}::text`).join(', ')} FROM ${table} ORDER BY id`)
    const [before, after] = [await read('everything'), await read('returned')]
    expect(after).toEqual(before)
    expect(after[1]!.slice(1).every((value) => value === null)).toBe(true)
    const types = (table: string) =>
      from.rows(
        `SELECT attname, format_type(atttypid, -1), attnotnull FROM pg_attribute WHERE attrelid = '${table}'::regclass AND attnum > 0 ORDER BY attnum`,
      )
    expect(await types('returned')).toEqual(await types('everything'))
  })

  it('gives canonical cells whatever the server is set to', async () => {
    await from.exec(
      `ALTER DATABASE ${from.name} SET timezone = 'Asia/Tokyo'; ALTER DATABASE ${from.name} SET datestyle = 'German';
       ALTER DATABASE ${from.name} SET intervalstyle = 'sql_standard'; ALTER DATABASE ${from.name} SET bytea_output = 'escape';
       ALTER DATABASE ${from.name} SET extra_float_digits = 0; ALTER DATABASE ${from.name} SET client_encoding = 'LATIN1'`,
    )
    try {
      await using source = await open(engine, from)
      const select = ['stamp_tz', 'day', 'span', 'raw', 'double_', 'single', 'text_', 'flag']
      const [batch] = await all(source.extract({ table: 'everything', select, where: 'id = 1 -- the full one' }))
      expect([...batch!.objects()]).toEqual([
        {
          stamp_tz: '2024-06-01 09:00:00.5+00',
          day: '9999-12-31',
          span: 'PT-838H-59M-59.5S',
          raw: new Uint8Array(Buffer.from('00ff0a0d225c5c4e09', 'hex')),
          double_: '0.30000000000000004',
          single: '3.4028235e+38',
          text_: 'tab\t nl\n cr\r bs\b ff\f vt\x0b back\\ \\N \\. "q" \'a\' 😀 é ',
          flag: 't',
        },
      ])
    } finally {
      await from.exec(`ALTER DATABASE ${from.name} RESET ALL`)
    }
  })

  it('reads a query, a selection, nothing at all', async () => {
    await using source = await open(engine, from)
    const query = 'SELECT id * 2 AS twice, body FROM big WHERE id <= 3 ORDER BY id; '
    expect(await objects(source.extract({ query, select: ['-body'] }))).toEqual([
      { twice: '2' },
      { twice: '4' },
      { twice: '6' },
    ])
    const [empty, ...more] = await all(source.extract({ table: 'empty' }))
    expect([empty!.rowCount, empty!.columns.map(({ name, nullable }) => [name, nullable]), more]).toEqual([
      0,
      [
        ['a', false],
        ['b', true],
      ],
      [],
    ])
    expect(await objects(source.extract({ query: 'SELECT FROM big LIMIT 3' }))).toEqual([{}, {}, {}])
    await failure(all(source.extract({ table: 'absent' })), 'TABLE_NOT_FOUND')
    await failure(all(source.extract({ query: 'SELEKT 1' })), 'SQL_INVALID')
    await failure(all(source.extract({ table: 'big', where: 'id = 1; DROP TABLE empty' })), 'SQL_INVALID')
    await failure(all(source.extract({ query: 'DELETE FROM empty RETURNING *' })))
    await failure(all(source.extract({ table: 'big', select: ['bdoy'] })), 'COLUMN_NOT_FOUND')
    // One that fails while rows are on their way.
    const late = 'SELECT 10 / (300000 - id) AS x FROM big'
    expect((await failure(all(source.extract({ query: late })), 'VALUE_REJECTED')).origin).toBe('22012')
    await source.ping()
    expect(await from.rows('SELECT count(*) FROM empty')).toEqual([['0']])
  })

  it('reads rows wider than a batch and than the buffer', async () => {
    await using source = await open(engine, from)
    const query = `SELECT repeat('é', 4000000) AS wide, i FROM generate_series(1, 3) i`
    const { ms, result } = await timed(() => all(source.extract({ query, batchBytes: 1000, bufferBytes: 1000 })))
    expect(result.map((batch) => batch.cell(0, 0)!.length)).toEqual([8_000_000, 8_000_000, 8_000_000])
    expect(ms).toBeLessThan(5_000)
  })

  it('cannot write: the transaction is read-only', async () => {
    await using source = await open(engine, from)
    await from.exec('CREATE SEQUENCE IF NOT EXISTS counter')
    await failure(all(source.extract({ query: "SELECT nextval('counter')" })), 'READ_ONLY')
  })

  it('stops at an early break, and the session goes on', async () => {
    await using source = await open(engine, from)
    for (let round = 0; round < 3; round++) {
      const { ms } = await timed(async () => {
        for await (const batch of source.extract({ table: 'big', batchBytes: 4096, bufferBytes: 4096 })) {
          expect(batch.rowCount).toBeGreaterThan(0)
          break
        }
      })
      expect(ms).toBeLessThan(3_000)
      expect(await running(engine, from)).toBe(0)
      expect(await objects(source.extract({ query: 'SELECT 1 AS one' }))).toEqual([{ one: '1' }])
    }
  })

  it('stops when its consumer throws, with that error', async () => {
    await using source = await open(engine, from)
    const consume = async () => {
      for await (const _ of source.extract({ table: 'big' })) throw new RangeError('of the consumer')
    }
    await expect(consume()).rejects.toThrow('of the consumer')
    await source.ping()
  })

  it('stops when it is aborted, before, between and while it waits for rows', async () => {
    await using source = await open(engine, from)
    await failure(all(source.extract({ table: 'big' }, AbortSignal.abort())), 'ABORTED')
    const between = new AbortController()
    const consume = async () => {
      for await (const _ of source.extract({ table: 'big', bufferBytes: 4096 }, between.signal)) between.abort()
    }
    expect((await timed(() => failure(consume(), 'ABORTED'))).ms).toBeLessThan(2_000)
    const sleeping = source.extract({ query: 'SELECT 1 FROM pg_sleep(20)' }, AbortSignal.timeout(200))
    expect((await timed(() => failure(all(sleeping), 'DEADLINE_EXCEEDED'))).ms).toBeLessThan(2_000)
    expect(await settle(() => running(engine, from), 0, 1_000)).toBe(0)
    await source.ping()
  })

  it.each([
    ['in the middle', 'SELECT * FROM big'],
    ['while it waits', 'SELECT 1 FROM pg_sleep(20)'],
  ])('fails within a second when its session is ended %s', async (_, query) => {
    const source = await open(engine, from)
    const batches = source.extract({ query, bufferBytes: 4096, batchBytes: 4096 })[Symbol.asyncIterator]()
    if (!query.includes('sleep')) expect((await batches.next()).done).toBe(false)
    const rest = failure(drain(batches))
    expect(await settle(() => running(engine, from), 1, 2_000)).toBe(1)
    await engine.endSessions({ user: from.user })
    const { ms, result } = await timed(() => rest)
    expect([result.code, result.exitCode]).toEqual(['CONNECTION_LOST', 5])
    expect(ms).toBeLessThan(2_000)
    await failure(source.ping(), 'CONNECTION_LOST')
    await source.close()
    await failure(source.ping(), 'SESSION_CLOSED')
    expect(await settle(() => engine.sessions({ user: from.user }), 0, 1_000)).toBe(0)
    expect(await settle(() => countSockets(engine.port), 0, 1_000)).toBe(0)
  })

  it('refuses a second use at the same time', async () => {
    await using source = await open(engine, from)
    for await (const _ of source.extract({ table: 'big' })) {
      await failure(source.ping(), 'SESSION_BUSY')
      await failure(all(source.extract({ table: 'empty' })), 'SESSION_BUSY')
      break
    }
    const once = source.extract({ table: 'empty' })
    await all(once)
    await source.ping()
  })
})

async function drain(batches: AsyncIterator<Batch>): Promise<void> {
  // Slower than the server, so that it is still sending when its session ends.
  while ((await batches.next()).done !== true) await sleep(5)
}

async function all(batches: AsyncIterable<Batch>): Promise<Batch[]> {
  const list: Batch[] = []
  for await (const batch of batches) list.push(batch)
  return list
}

async function objects(batches: AsyncIterable<Batch>): Promise<unknown[]> {
  return (await all(batches)).flatMap((batch) => [...batch.objects()])
}

/** Statements of ours that run at the server now. */
async function running(engine: { admin: { user: string } }, database: TestDatabase): Promise<number> {
  const [row] = await database.rows(
    `SELECT count(*) FROM pg_stat_activity WHERE usename = '${database.user}' AND state = 'active' AND usename <> '${engine.admin.user}'`,
    'admin',
  )
  return Number(row?.[0])
}
