import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { formatType } from '../../src/core/column-type.js'
import type { CatalogTable } from '../../src/core/driver.js'
import type { Engine, TestDatabase } from '../../src/testing/index.js'
import { describeWith } from '../setup/engines.js'
import { casesFor, createTypeTable } from './mysql-type-table.js'
import { failure, open } from './support.js'

async function tables(engine: Engine, database: TestDatabase, request = {}): Promise<readonly CatalogTable[]> {
  await using session = await open(engine, database)
  return (await session.discover(request)).tables
}

const named = (all: readonly CatalogTable[], name: string) => all.find((table) => table.name === name)!

describeWith(['mysql', 'postgres'], 'discovery', (engines) => {
  describe.each(['mysql', 'postgres'] as const)('of %s', (kind) => {
    const engine = engines[kind]
    const q = (name: string) =>
      kind === 'mysql' ? `\`${name.replaceAll('`', '``')}\`` : `"${name.replaceAll('"', '""')}"`
    let database: TestDatabase
    beforeAll(async () => {
      database = await engine.createDatabase('discovery')
      await database.exec(`
        CREATE TABLE region (country CHAR(2) NOT NULL, code INT NOT NULL, label VARCHAR(20), PRIMARY KEY (code, country));
        CREATE TABLE ${q('Odd "na`me.s')} (${q('a.b')} INT, ${q('select')} TEXT);
        CREATE TABLE customer (
          id BIGINT NOT NULL PRIMARY KEY, email VARCHAR(80) NOT NULL UNIQUE, place INT, land CHAR(2), amount DECIMAL(12,2),
          boss BIGINT, UNIQUE (place, email),
          CONSTRAINT lives FOREIGN KEY (place, land) REFERENCES region (code, country),
          CONSTRAINT led FOREIGN KEY (boss) REFERENCES customer (id));
        CREATE VIEW customers AS SELECT id, email FROM customer`)
    })
    afterAll(() => database.drop())

    it('lists tables and views in the order of their names, with columns, keys and references', async () => {
      const all = await tables(engine, database)
      expect(all.map(({ name, kind: is }) => [name, is])).toEqual(
        expect.arrayContaining([
          ['customer', 'table'],
          ['customers', 'view'],
          ['region', 'table'],
          ['Odd "na`me.s', 'table'],
        ]),
      )
      expect(all).toHaveLength(4)
      const customer = named(all, 'customer')
      expect(
        customer.columns.map(({ name, type, nullable, keyPosition }) => [
          name,
          formatType(type),
          nullable,
          keyPosition,
        ]),
      ).toEqual([
        ['id', 'int64', false, 1],
        ['email', 'text(80)', false, 0],
        ['place', 'int32', true, 0],
        ['land', 'text(2)', true, 0],
        ['amount', 'decimal(12,2)', true, 0],
        ['boss', 'int64', true, 0],
      ])
      expect(customer.primaryKey).toEqual(['id'])
      expect([...customer.uniqueKeys].sort((a, b) => a.length - b.length)).toEqual([['email'], ['place', 'email']])
      const schema = customer.schema
      expect(customer.foreignKeys).toHaveLength(2)
      expect(customer.foreignKeys).toEqual(
        expect.arrayContaining([
          { columns: ['place', 'land'], schema, table: 'region', references: ['code', 'country'] },
          { columns: ['boss'], schema, table: 'customer', references: ['id'] },
        ]),
      )
      const region = named(all, 'region')
      expect([region.primaryKey, region.columns.map(({ keyPosition }) => keyPosition)]).toEqual([
        ['code', 'country'],
        [2, 1, 0],
      ])
      const odd = named(all, 'Odd "na`me.s')
      expect([odd.columns.map(({ name }) => name), odd.primaryKey, odd.uniqueKeys, odd.foreignKeys]).toEqual([
        ['a.b', 'select'],
        [],
        [],
        [],
      ])
    })

    it('says which server it is, and estimates', async () => {
      await database.exec(
        kind === 'mysql'
          ? "INSERT INTO region SELECT 'XX', seq, 'x' FROM seq_1_to_500; ANALYZE TABLE region"
          : "INSERT INTO region SELECT 'XX', n, 'x' FROM generate_series(1, 500) n; ANALYZE region",
      )
      await using session = await open(engine, database)
      const { server, tables: all } = await session.discover({})
      expect(server).toBe(engine.version)
      const { estimatedRows, estimatedBytes } = named(all, 'region')
      expect(estimatedRows).toBeGreaterThan(400)
      expect(estimatedRows).toBeLessThan(600)
      expect(estimatedBytes).toBeGreaterThan(8000)
      expect(named(all, 'customers').estimatedRows).toBeUndefined()
    })

    it('narrows to a schema or a table, and misses one that is not there', async () => {
      const [one, ...others] = await tables(engine, database, { table: 'customer' })
      expect([one?.name, others]).toEqual(['customer', []])
      const [whole] = await tables(engine, database, { table: `${one!.schema}.customer` })
      expect(whole).toEqual(one)
      expect(await tables(engine, database, { schema: one!.schema })).toHaveLength(4)
      expect(await tables(engine, database, { schema: `nil_${randomBytes(4).toString('hex')}` })).toEqual([])
      const [odd] = await tables(engine, database, { table: '"Odd ""na`me.s"' })
      expect(odd?.columns).toHaveLength(2)
      await using session = await open(engine, database)
      await failure(session.discover({ table: "x' OR '1' = '1" }), 'TABLE_NOT_FOUND')
      await failure(session.discover({ table: 'nope.customer' }), 'TABLE_NOT_FOUND')
      await session.ping()
    })

    // Broken once: the privileges left out of the query.
    it('shows a user nothing that is not theirs', async () => {
      const other = await engine.createDatabase('discovery')
      try {
        if (kind === 'postgres')
          await other.exec('CREATE SCHEMA hidden; CREATE TABLE hidden.customer (id INT)', 'admin')
        const all = await tables(engine, other)
        expect(all.map(({ name }) => name)).not.toContain('customer')
      } finally {
        await other.drop()
      }
    })

    it('ends at the server when it is aborted before', async () => {
      await using session = await open(engine, database)
      await failure(session.discover({}, AbortSignal.abort()), 'ABORTED')
      expect((await session.discover({ table: 'customer' })).tables).toHaveLength(1)
    })
  })

  // Broken once: the length of a DECIMAL without its sign, a text's length in bytes, MariaDB's JSON without its check.
  it('agrees with a read on every type of MySQL', async () => {
    const { mysql } = engines
    const database = await mysql.createDatabase('discovery')
    try {
      await createTypeTable(database, casesFor(mysql.version))
      await using session = await open(mysql, database)
      const [table] = (await session.discover({ table: 'every_type' })).tables
      expect(table!.columns).toEqual((await session.describe({ table: 'every_type' })).columns)
    } finally {
      await database.drop()
    }
  })

  it('agrees with a read on types of Postgres that are made of others', async () => {
    const database = await engines.postgres.createDatabase('discovery')
    try {
      await database.exec(`
        CREATE DOMAIN grade AS numeric(4,1); CREATE DOMAIN high AS grade; CREATE TYPE mood AS ENUM ('a', 'b');
        CREATE TYPE pair AS (a int, b text);
        CREATE TABLE v (a high, b mood, c mood[], d pair, e money, f money[], g int4range, h "char", i timestamptz(3)[],
          j bit(3), k bit varying(9), l box[], m numeric(2,-1), n interval, PRIMARY KEY (b, a))`)
      await using session = await open(engines.postgres, database)
      const [table] = (await session.discover({ table: 'v' })).tables
      expect(table!.columns).toEqual((await session.describe({ table: 'v' })).columns)
    } finally {
      await database.drop()
    }
  })

  it('counts no key that says nothing of whole columns', async () => {
    const { mysql, postgres } = engines
    const [my, pg] = [await mysql.createDatabase('discovery'), await postgres.createDatabase('discovery')]
    try {
      await my.exec(
        'CREATE TABLE table_schema (j JSON); CREATE TABLE t (a VARCHAR(90), b INT UNIQUE, UNIQUE (a(10), b)); CREATE SEQUENCE s',
      )
      await pg.exec(`
        CREATE TABLE t (a text, b int UNIQUE, c int);
        CREATE UNIQUE INDEX ON t (lower(a)); CREATE UNIQUE INDEX ON t (a) WHERE b > 1; CREATE UNIQUE INDEX ON t (c) INCLUDE (b);
        CREATE SEQUENCE s; CREATE MATERIALIZED VIEW m AS SELECT 1 AS one`)
      expect((await tables(mysql, my)).map(({ name, uniqueKeys }) => [name, uniqueKeys])).toEqual([
        ['t', [['b']]],
        ['table_schema', []],
      ])
      const [json] = await tables(mysql, my, { table: 'table_schema' })
      expect(json?.columns.map(({ type }) => type.kind)).toEqual(['json'])
      expect((await tables(postgres, pg)).map(({ name, uniqueKeys }) => [name, uniqueKeys])).toEqual([
        ['m', []],
        ['t', [['b'], ['c']]],
      ])
    } finally {
      await Promise.all([my.drop(), pg.drop()])
    }
  })

  it('takes a partitioned table of Postgres for one', async () => {
    const database = await engines.postgres.createDatabase('discovery')
    try {
      await database.exec(`
        CREATE TABLE p (id int, at date, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
        CREATE TABLE p1 PARTITION OF p FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
        CREATE TABLE p2 PARTITION OF p FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
        INSERT INTO p SELECT n, '2024-12-30'::date + n FROM generate_series(1, 300) n; ANALYZE p1; ANALYZE p2`)
      const all = await tables(engines.postgres, database)
      expect(all.map(({ name, estimatedRows }) => [name, estimatedRows])).toEqual([['p', 300]])
    } finally {
      await database.drop()
    }
  })

  it('asks a handful of questions, however many tables there are', async () => {
    for (const engine of [engines.mysql, engines.postgres]) {
      const database = await engine.createDatabase('discovery')
      try {
        const ddl = Array.from(
          { length: 200 },
          (_, n) => `CREATE TABLE t${n} (id INT PRIMARY KEY, a VARCHAR(9) UNIQUE)`,
        )
        await database.exec(ddl.join(';\n'))
        const all = await tables(engine, database)
        expect(all).toHaveLength(200)
        expect(
          new Set(all.map(({ primaryKey, uniqueKeys, columns }) => JSON.stringify([primaryKey, uniqueKeys, columns])))
            .size,
        ).toBe(1)
      } finally {
        await database.drop()
      }
    }
  }, 300_000)
})
