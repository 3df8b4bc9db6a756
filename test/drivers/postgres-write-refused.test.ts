import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { Batch, Column } from '../../src/core/batch.js'
import type { LogicalType } from '../../src/core/column-type.js'
import type { TestDatabase } from '../../src/testing/index.js'
import { describeWith } from '../setup/engines.js'
import { batches, column, numbers } from './rows.js'
import { canary, failure, open } from './support.js'

describeWith(['postgres'], 'what a Postgres target refuses', ({ postgres: engine }) => {
  let to: TestDatabase
  beforeAll(async () => {
    to = await engine.createDatabase('refused')
  })
  afterAll(() => to.drop())
  afterEach(() => to.exec('DROP SCHEMA public CASCADE; CREATE SCHEMA public'))

  const write = async (columns: readonly Column[], rows: readonly (string | null)[][], mode: 'append' | 'replace') => {
    await using target = await open(engine, to)
    return await target.write({ table: 't', mode }, batches(columns, rows))
  }
  const rowsOfT = () => to.rows('SELECT * FROM t ORDER BY 1')

  describe('before a row is read', () => {
    const id = column('id', 'int32')
    const fits: readonly { title: string; ddl: string; columns: readonly Column[]; says: RegExp }[] = [
      {
        title: 'a column that is missing',
        ddl: 'id int',
        columns: [id, column('nmae', 'text')],
        says: /has no column nmae\./,
      },
      {
        title: 'a column that is misspelt',
        ddl: 'id int, name text',
        columns: [id, column('nmae', 'text')],
        says: /has no column nmae Did you mean "name"\?/,
      },
      {
        title: 'a required column that is not sent',
        ddl: 'id int, name text NOT NULL',
        columns: [id],
        says: /column name .* needs a value/,
      },
      {
        title: 'a column that the target generates',
        ddl: 'id int, twice int GENERATED ALWAYS AS (id * 2) STORED',
        columns: [id, column('twice', 'int32')],
        says: /twice is generated/,
      },
      ...lossy().map(({ from, into, says }) => ({
        title: `${from.kind} into ${into}`,
        ddl: `id int, v ${into}`,
        columns: [id, column('v', from)],
        says,
      })),
    ]
    it.each(fits)('$title', async ({ ddl, columns, says }) => {
      await to.exec(
        `CREATE TABLE t (${ddl}); INSERT INTO t (id) SELECT 1 WHERE ${ddl.includes('NOT NULL') ? 'false' : 'true'}`,
      )
      const before = await rowsOfT()
      const error = await failure(write(columns, [], 'append'), 'SCHEMA_MISMATCH')
      expect(error.message).toMatch(says)
      expect(await rowsOfT()).toEqual(before)
      // A plan says the same.
      await using target = await open(engine, to)
      await failure(target.outline({ table: 't', mode: 'append' }, columns), 'SCHEMA_MISMATCH')
    })

    it('a replace of a table that others refer to, and changes nothing', async () => {
      await to.exec(`
        CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (7);
        CREATE TABLE child (t int REFERENCES t); INSERT INTO child VALUES (7)`)
      await using target = await open(engine, to)
      const read = counted(numbers('id', 5000))
      await failure(target.write({ table: 't', mode: 'replace' }, read.batches), 'TARGET_REFERENCED')
      expect(read.count()).toBeLessThanOrEqual(1)
      expect(read.returned()).toBe(true)
      expect(await to.rows('SELECT t.id, child.t FROM t, child')).toEqual([['7', '7']])
      await target.ping()
    })

    it('a table that refers to itself is no obstacle', async () => {
      await to.exec('CREATE TABLE t (id int PRIMARY KEY, up int REFERENCES t); INSERT INTO t VALUES (1, 1)')
      expect(await write([id, column('up', 'int32')], [['2', '2']], 'replace')).toMatchObject({ route: 'staged' })
    })

    it('a view, a missing schema, an unknown key column, a mode that it does not have', async () => {
      await to.exec('CREATE TABLE base (id int); CREATE VIEW t AS SELECT * FROM base')
      expect((await failure(write([id], [], 'append'), 'SCHEMA_MISMATCH')).message).toContain('is not a table')
      await using target = await open(engine, to)
      await failure(target.write({ table: 'nowhere.t', mode: 'append' }, batches([id])), 'TABLE_NOT_FOUND')
      const keyed = { table: 'n', mode: 'append', primaryKey: ['ids'] } as const
      const error = await failure(target.write(keyed, batches([id])), 'COLUMN_NOT_FOUND')
      expect(error.message).toContain('primary_key.ids. Did you mean "id"?')
      const mirror = { table: 'base', mode: 'mirror' } as unknown as Parameters<typeof target.write>[0]
      await failure(target.write(mirror, batches([id])), 'UNSUPPORTED')
      const other = { table: 'base', mode: 'append', strategy: 'upsert' } as const
      await failure(target.write(other, batches([id])), 'UNSUPPORTED')
      await target.ping()
    })

    it('a user who may not write', async () => {
      await to.exec('CREATE TABLE t (id int); CREATE SCHEMA shut', 'admin')
      await using target = await open(engine, to)
      await failure(target.write({ table: 't', mode: 'append' }, batches([id], [['1']])), 'PRIVILEGE_MISSING')
      await failure(target.write({ table: 'shut.t', mode: 'append' }, batches([id])), 'PRIVILEGE_MISSING')
      await to.exec('DROP SCHEMA shut; DROP TABLE t', 'admin')
    })
  })

  describe('while it is written, with nothing changed and nothing said of the row', () => {
    const secret = canary()
    const id = column('id', 'int32')
    const v = column('v', 'text')
    const bad: readonly {
      title: string
      ddl: string
      rows: string[][]
      code: 'CONSTRAINT_VIOLATED' | 'VALUE_REJECTED'
      origin: string
    }[] = [
      {
        title: 'a duplicate key',
        ddl: 'id int PRIMARY KEY, v text',
        rows: [
          ['5', secret],
          ['5', secret],
        ],
        code: 'CONSTRAINT_VIOLATED',
        origin: '23505',
      },
      {
        title: 'a check',
        ddl: `id int, v text CHECK (v <> '${secret}')`,
        rows: [['5', secret]],
        code: 'CONSTRAINT_VIOLATED',
        origin: '23514',
      },
      {
        title: 'a foreign key',
        ddl: 'id int REFERENCES parent, v text',
        rows: [['5', secret]],
        code: 'CONSTRAINT_VIOLATED',
        origin: '23503',
      },
      {
        title: 'text that is no number',
        ddl: 'id int, v int',
        rows: [['5', secret]],
        code: 'VALUE_REJECTED',
        origin: '22P02',
      },
      {
        title: 'text that is too long',
        ddl: 'id int, v varchar(4)',
        rows: [['5', secret]],
        code: 'VALUE_REJECTED',
        origin: '22001',
      },
    ]
    it.each(['append', 'replace'] as const)('in mode %s', async (mode) => {
      for (const { title, ddl, rows, code, origin } of bad) {
        await to.exec(`DROP TABLE IF EXISTS t; DROP TABLE IF EXISTS parent; CREATE TABLE parent (id int PRIMARY KEY);
          INSERT INTO parent VALUES (1), (2); CREATE TABLE t (${ddl}); INSERT INTO t VALUES (1, '1')`)
        const good = Array.from({ length: 3000 }, () => (title === 'a duplicate key' ? undefined : ['2', '22']))
        const all = [...good.filter((row) => row !== undefined), ...rows]
        const error = await failure(write([id, v], all, mode), code)
        expect(error.origin, title).toBe(origin)
        expect(JSON.stringify([error.message, error.stack, error]), title).not.toContain(secret)
        expect(await rowsOfT(), title).toEqual([['1', '1']])
      }
      expect(await engine.sessions({ database: to.name })).toBe(0)
    })

    it('a malformed cell of a typed column', async () => {
      await failure(write([id], [['1'], ['2x']], 'append'), 'VALUE_REJECTED')
      expect(await to.rows("SELECT to_regclass('t')::text")).toEqual([[null]])
    })

    it('rows that the table swallows: the counts disagree and all is rolled back', async () => {
      await to.exec(`
        CREATE TABLE t (id int); INSERT INTO t VALUES (1);
        CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS
          $$ BEGIN IF NEW.id = 13 THEN RETURN NULL; END IF; RETURN NEW; END $$;
        CREATE TRIGGER swallowing BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION swallow()`)
      for (const mode of ['append', 'replace'] as const) {
        const error = await failure(write([id], [['12'], ['13'], ['14']], mode), 'COUNT_MISMATCH')
        expect(error.message).toMatch(/3 sent, (2|3) confirmed, 2 in the target/)
        expect(error.exitCode).toBe(7)
        expect(await rowsOfT()).toEqual([['1']])
      }
    })

    it('what its caller refuses before the commit', async () => {
      await using target = await open(engine, to)
      const plan = {
        table: 't',
        mode: 'append',
        beforeCommit: () => {
          throw new Error(secret)
        },
      } as const
      const error = await failure(target.write(plan, numbers('id', 10)))
      expect(JSON.stringify([error.message, error.stack, error])).not.toContain(secret)
      expect(await to.rows("SELECT to_regclass('t')::text")).toEqual([[null]])
      await target.ping()
    })
  })
})

/** Changes of a value that Postgres makes without an error or a word. */
function lossy(): readonly { from: LogicalType; into: string; says: RegExp }[] {
  return [
    { from: { kind: 'decimal', precision: 10, scale: 3 }, into: 'numeric(10,2)', says: /rounded to 2 digits/ },
    { from: { kind: 'decimal' }, into: 'numeric(10,2)', says: /rounded to 2 digits/ },
    { from: { kind: 'decimal', precision: 10, scale: 2 }, into: 'double precision', says: /rounded to double/ },
    { from: { kind: 'timestamp', precision: 6 }, into: 'timestamp(3)', says: /rounded to 3 digits of a second/ },
    { from: { kind: 'timestamptz', precision: 6 }, into: 'timestamptz(0)', says: /rounded to 0 digits of a second/ },
    { from: { kind: 'time', precision: 6 }, into: 'time(0)', says: /rounded to 0 digits of a second/ },
    { from: { kind: 'timestamp', precision: 0 }, into: 'date', says: /would lose its time/ },
    { from: { kind: 'bytes' }, into: 'text', says: /holds bytes/ },
    { from: { kind: 'float64' }, into: 'real', says: /would be rounded to real/ },
    { from: { kind: 'float64' }, into: 'numeric(10,2)', says: /would be rounded/ },
    { from: { kind: 'int64' }, into: 'double precision', says: /would be rounded to double precision/ },
    { from: { kind: 'int32' }, into: 'real', says: /would be rounded to real/ },
    { from: { kind: 'decimal', precision: 20, scale: 0 }, into: 'double precision', says: /rounded to double/ },
    { from: { kind: 'text' }, into: 'name', says: /would be cut/ },
    { from: { kind: 'float32' }, into: 'numeric(10,2)', says: /would be rounded/ },
    { from: { kind: 'decimal', precision: 9, scale: 1 }, into: 'bigint', says: /would be rounded/ },
  ]
}

function counted(source: AsyncGenerator<Batch, void, undefined>) {
  let count = 0
  let returned = false
  async function* observed() {
    try {
      for await (const batch of source) {
        count++
        yield batch
      }
    } finally {
      returned = true
    }
  }
  return { batches: observed(), count: () => count, returned: () => returned }
}
