import { afterEach, beforeEach, expect, it } from 'vitest'
import type { TestDatabase } from '../../src/testing/index.js'
import { describeWith } from '../setup/engines.js'
import { batches, column, numbers } from './rows.js'
import { open } from './support.js'

const SHOP = [
  column('id', 'int32', { nullable: false, keyPosition: 1 }),
  column('name', { kind: 'text', length: 40 }, { nullable: false }),
  column('price', { kind: 'decimal', precision: 10, scale: 2 }),
]

describeWith(['postgres'], 'write modes of a Postgres target', ({ postgres: engine }) => {
  let to: TestDatabase
  beforeEach(async () => {
    to = await engine.createDatabase('write')
  })
  afterEach(() => to.drop())

  it('creates a missing table with its key and NOT NULL, and appends to it', async () => {
    await using target = await open(engine, to)
    const first = await target.write(
      { table: 'goods', mode: 'append' },
      batches(SHOP, [['1', 'one', '1.50']], [['2', 'two', null]]),
    )
    expect(first).toMatchObject({ created: true, route: 'create', rowsSent: 2, rowsConfirmed: 2, rowsCounted: 2 })
    const second = await target.write({ table: 'goods', mode: 'append' }, batches(SHOP, [['3', 'three', '-7']]))
    expect(second).toMatchObject({ created: false, route: 'direct', rowsSent: 1, rowsConfirmed: 1, rowsCounted: 1 })
    expect(await to.rows('SELECT * FROM goods ORDER BY id')).toEqual([
      ['1', 'one', '1.50'],
      ['2', 'two', null],
      ['3', 'three', '-7.00'],
    ])
    expect(await describeTable(to, 'goods')).toEqual([
      ['id', 'integer', 'true'],
      ['name', 'character varying(40)', 'true'],
      ['price', 'numeric(10,2)', 'false'],
    ])
    expect(await primaryKey(to, 'goods')).toBe('PRIMARY KEY (id)')
  })

  it('creates the table of an empty source, and a key of the plan in place of the source key', async () => {
    await using target = await open(engine, to)
    const plan = { table: 'empty', mode: 'replace', primaryKey: ['name', 'id'] } as const
    const receipt = await target.write(plan, batches(SHOP))
    expect(receipt).toMatchObject({ created: true, rowsSent: 0, rowsConfirmed: 0, rowsCounted: 0, bytesSent: 0 })
    expect(await primaryKey(to, 'empty')).toBe('PRIMARY KEY (name, id)')
    // Once more, and into the table that is there now.
    expect(await target.write(plan, batches(SHOP))).toMatchObject({ created: false, route: 'direct', rowsCounted: 0 })
  })

  it('replaces with nothing: the old rows are gone', async () => {
    await using target = await open(engine, to)
    await target.write({ table: 't', mode: 'append' }, numbers('id', 10))
    const columns = [column('id', 'int32')]
    const receipt = await target.write({ table: 't', mode: 'replace' }, batches(columns))
    expect(receipt).toMatchObject({ route: 'staged', rowsSent: 0, rowsCounted: 0 })
    expect(await to.rows('SELECT count(*) FROM t')).toEqual([['0']])
  })

  it('replaces the rows and keeps all that hangs on the table', async () => {
    await to.exec(`
      CREATE TABLE region (id int PRIMARY KEY);
      INSERT INTO region VALUES (1), (2);
      CREATE TABLE goods (id int PRIMARY KEY, name text NOT NULL, region int NOT NULL DEFAULT 1 REFERENCES region,
        added timestamptz NOT NULL DEFAULT '2020-01-01', twice int GENERATED ALWAYS AS (id * 2) STORED, CHECK (id > 0));
      CREATE INDEX goods_name ON goods (name);
      CREATE VIEW cheap AS SELECT id, name FROM goods WHERE id < 10;
      CREATE TABLE log (what text);
      CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN INSERT INTO log VALUES (TG_OP || ' ' || coalesce(NEW.name, '')); RETURN NEW; END $$;
      CREATE TRIGGER noting AFTER INSERT ON goods FOR EACH ROW EXECUTE FUNCTION note();
      COMMENT ON TABLE goods IS 'kept';
      INSERT INTO goods (id, name) VALUES (1, 'old'), (2, 'older');
      TRUNCATE log;
      GRANT SELECT ON goods TO PUBLIC`)
    const before = await hangers(to)
    await using target = await open(engine, to)
    const columns = [column('id', 'int32'), column('name', 'text'), column('region', 'int16')]
    const receipt = await target.write(
      { table: 'public.goods', mode: 'replace' },
      batches(columns, [
        ['3', 'new', '2'],
        ['4', 'newer', '1'],
      ]),
    )
    expect(receipt).toMatchObject({ created: false, route: 'staged', rowsSent: 2, rowsConfirmed: 2, rowsCounted: 2 })
    expect(await hangers(to)).toEqual(before)
    expect(await to.rows('SELECT id, name, region, added::date, twice FROM goods ORDER BY id')).toEqual([
      ['3', 'new', '2', '2020-01-01', '6'],
      ['4', 'newer', '1', '2020-01-01', '8'],
    ])
    expect(await to.rows('SELECT * FROM cheap ORDER BY id')).toEqual([
      ['3', 'new'],
      ['4', 'newer'],
    ])
    expect(await to.rows('SELECT what FROM log ORDER BY what')).toEqual([['INSERT new'], ['INSERT newer']])
    expect(await to.rows("SELECT count(*) FROM pg_class WHERE relname LIKE 'airlock%'")).toEqual([['0']])
  })

  it('loads an empty table directly, also one that others refer to', async () => {
    await to.exec('CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE child (t int REFERENCES t)')
    await using target = await open(engine, to)
    const receipt = await target.write({ table: 't', mode: 'replace' }, numbers('id', 5))
    expect(receipt).toMatchObject({ created: false, route: 'direct', rowsCounted: 5 })
  })

  it('writes into a partitioned table', async () => {
    await to.exec(`
      CREATE TABLE t (id int PRIMARY KEY) PARTITION BY RANGE (id);
      CREATE TABLE t_low PARTITION OF t FOR VALUES FROM (0) TO (100);
      CREATE TABLE t_high PARTITION OF t FOR VALUES FROM (100) TO (100000)`)
    await using target = await open(engine, to)
    expect(await target.write({ table: 't', mode: 'append' }, numbers('id', 150))).toMatchObject({ rowsCounted: 150 })
    expect(await target.write({ table: 't', mode: 'append' }, numbers('id', 10, 500))).toMatchObject({
      rowsCounted: 10,
    })
    expect(await target.write({ table: 't', mode: 'replace' }, numbers('id', 120))).toMatchObject({ rowsCounted: 120 })
    expect(await to.rows('SELECT (SELECT count(*) FROM t_low), (SELECT count(*) FROM t_high)')).toEqual([['99', '21']])
  })

  it('shows readers the old rows or the new ones, never a part', async () => {
    await using target = await open(engine, to)
    await target.write({ table: 't', mode: 'append' }, numbers('id', 500))
    const sizes = [700, 900, 1100, 1300]
    const allowed = new Set(['500', ...sizes.map(String)])
    const seen: string[] = []
    let done = false
    const reading = Promise.all(
      [1, 2].map(async () => {
        while (!done) seen.push((await to.rows('SELECT count(*) FROM t'))[0]![0]!)
      }),
    )
    try {
      for (const size of sizes) await target.write({ table: 't', mode: 'replace' }, numbers('id', size))
    } finally {
      done = true
      await reading
    }
    expect(seen.length).toBeGreaterThan(4)
    expect(seen.filter((count) => !allowed.has(count))).toEqual([])
  })

  it('lets two replaces of one table run at a time: one set of rows wins whole', async () => {
    await to.exec('CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (0)')
    await using one = await open(engine, to)
    await using two = await open(engine, to)
    await Promise.all([
      one.write({ table: 't', mode: 'replace' }, numbers('id', 3000)),
      two.write({ table: 't', mode: 'replace' }, numbers('id', 2000, 50_000)),
    ])
    const [row] = await to.rows('SELECT count(*), min(id) FROM t')
    expect([
      ['3000', '1'],
      ['2000', '50000'],
    ]).toContainEqual(row)
  })

  it('moves one row of 20 MB', async () => {
    await using target = await open(engine, to)
    const text = `${'wide\t\\é'.repeat(1_500_000)}.`
    const columns = [column('id', 'int32'), column('body', 'text'), column('raw', 'bytes')]
    const receipt = await target.write(
      { table: 'wide', mode: 'append' },
      batches(columns, [['1', text, Buffer.alloc(8_000_000, 0xa5)]]),
    )
    expect(receipt.rowsCounted).toBe(1)
    const [row] = await to.rows(
      "SELECT md5(body) = md5(repeat(E'wide\\t\\\\é', 1500000) || '.'), length(raw) FROM wide",
    )
    expect(row).toEqual(['t', '8000000'])
  })
})

function describeTable(database: TestDatabase, table: string): Promise<(string | null)[][]> {
  return database.rows(
    `SELECT attname, format_type(atttypid, atttypmod), attnotnull::text FROM pg_attribute
      WHERE attrelid = '${table}'::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum`,
  )
}

async function primaryKey(database: TestDatabase, table: string): Promise<string | null | undefined> {
  const rows = await database.rows(
    `SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = '${table}'::regclass AND contype = 'p'`,
  )
  return rows[0]?.[0]
}

/** All that must survive a replace: identity, grants, comment, constraints, indexes, triggers, views. */
async function hangers(database: TestDatabase): Promise<(string | null)[][]> {
  return await database.rows(`
    SELECT 'oid', oid::text FROM pg_class WHERE relname = 'goods'
    UNION ALL SELECT 'acl', relacl::text FROM pg_class WHERE relname = 'goods'
    UNION ALL SELECT 'comment', obj_description('goods'::regclass)
    UNION ALL SELECT 'constraint', pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'goods'::regclass
    UNION ALL SELECT 'index', indexdef FROM pg_indexes WHERE tablename = 'goods'
    UNION ALL SELECT 'trigger', pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid = 'goods'::regclass AND NOT tgisinternal
    UNION ALL SELECT 'view', definition FROM pg_views WHERE viewname = 'cheap'
    ORDER BY 1, 2`)
}
