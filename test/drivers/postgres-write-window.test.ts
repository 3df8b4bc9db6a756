import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { WritePlan } from '../../src/core/driver.js'
import type { TestDatabase } from '../../src/testing/index.js'
import { describeWith } from '../setup/engines.js'
import { batches, type Cell, column } from './rows.js'
import { failure, open } from './support.js'

const ID = column('id', 'int32', { nullable: false, keyPosition: 1 })
const NAME = column('name', 'text')

describeWith(['postgres'], 'what a write to Postgres deletes', ({ postgres: engine }) => {
  let to: TestDatabase
  beforeEach(async () => {
    to = await engine.createDatabase('window')
  })
  afterEach(() => to.drop())

  const write = async (
    plan: Partial<WritePlan>,
    rows: readonly (readonly Cell[])[],
    columns: Parameters<typeof batches>[0] = [ID, NAME],
  ) => {
    await using target = await open(engine, to)
    return await target.write({ table: 't', mode: 'delete+insert', ...plan }, batches(columns, rows))
  }
  const ids = async () => (await to.rows('SELECT id FROM t ORDER BY id')).map(([id]) => Number(id))
  const ten = () =>
    to.exec(
      "CREATE TABLE t (id int PRIMARY KEY, name text); INSERT INTO t SELECT i, 'old' FROM generate_series(1, 10) i",
    )

  describe('delete+insert', () => {
    it('replaces what the window holds: ten rows become eleven', async () => {
      await ten()
      const window = { column: 'id', from: '8', to: '12' }
      const incoming = [8, 9, 10, 11].map((id) => [String(id), 'new'])
      for (const deleted of [3, 4]) {
        const receipt = await write({ window }, incoming)
        expect(receipt).toMatchObject({ rowsCounted: 4, changes: { inserted: 4, deleted, updated: 0 } })
        expect(await ids()).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11])
      }
      expect(await to.rows("SELECT count(*) FROM t WHERE name = 'old'")).toEqual([['7']])
    })

    // Seen red with `<=` in place of `<` at the upper bound.
    it('has half-open bounds, either of which may be left out', async () => {
      await ten()
      expect((await write({ window: { column: 'id', from: '2', to: '4' } }, [])).changes?.deleted).toBe(2)
      expect(await ids()).toEqual([1, 4, 5, 6, 7, 8, 9, 10])
      expect((await write({ window: { column: 'id', to: '4' } }, [])).changes?.deleted).toBe(1)
      expect((await write({ window: { column: 'id', from: '10' } }, [])).changes?.deleted).toBe(1)
      expect(await ids()).toEqual([4, 5, 6, 7, 8, 9])
    })

    it('reports a window that it emptied', async () => {
      await ten()
      const receipt = await write({ window: { column: 'id', from: '1', to: '4' } }, [])
      expect(receipt).toMatchObject({ rowsCounted: 0, changes: { deleted: 3 }, policyCounts: { window_emptied: 3 } })
    })

    // Seen red with TimeZone taken out of pinSettings: other rows were deleted.
    it('takes bounds in UTC, whatever the zone of the server', async () => {
      await to.exec(
        `ALTER DATABASE "${to.name}" SET timezone = 'Asia/Tokyo';
        CREATE TABLE t (id int, at timestamptz);
        INSERT INTO t SELECT i, timestamptz '2024-03-01 00:00+00' + i * interval '1 hour' FROM generate_series(-20, 40) i`,
      )
      const window = { column: 'at', from: '2024-03-01', to: '2024-03-02 00:00:00' }
      const columns = [column('id', 'int32'), column('at', 'timestamptz')]
      for (const deleted of [24, 1]) {
        const receipt = await write({ window }, [['100', '2024-03-01 00:00:00+00']], columns)
        expect(receipt.changes).toMatchObject({ deleted, inserted: 1 })
      }
      expect((await ids()).filter((id) => id >= 0 && id < 24)).toEqual([])
    })

    it('takes the bounds from the cursor of the rows, both included', async () => {
      await ten()
      const receipt = await write({ cursor: 'id' }, [
        ['8', 'new'],
        ['4', 'new'],
        ['6', 'new'],
      ])
      expect(receipt).toMatchObject({ rowsCounted: 3, changes: { inserted: 3, deleted: 5 } })
      expect(await ids()).toEqual([1, 2, 3, 4, 6, 8, 9, 10])
    })

    it('says so where nothing gives the bounds, and refuses rows in no window', async () => {
      await ten()
      const receipt = await write({ cursor: 'id' }, [])
      expect(receipt).toMatchObject({ route: 'nothing', rowsCounted: 0, policyCounts: { window_unknown: 1 } })
      await failure(write({}, []), 'CONFIG_INVALID')
      await failure(write({ window: { column: 'idd', from: '1' } }, []), 'COLUMN_NOT_FOUND')
      const columns = [ID, column('n', 'int32')]
      await to.exec('ALTER TABLE t ADD n int')
      await failure(
        write(
          { cursor: 'n' },
          [
            ['11', '5'],
            ['12', null],
          ],
          columns,
        ),
        'CURSOR_NULL',
      )
      await failure(write({ window: { column: 'id', from: 'eight' } }, []), 'VALUE_REJECTED')
      expect(await ids()).toHaveLength(10)
    })

    it('creates the table, and settles duplicates where it is given a key', async () => {
      const plan = { window: { column: 'id', from: '1' }, primaryKey: ['id'] }
      const receipt = await write(plan, [
        ['1', 'a'],
        ['1', 'b'],
      ])
      expect(receipt).toMatchObject({ created: true, rowsCounted: 1, changes: { inserted: 1, duplicates: 1 } })
      expect(await to.rows('SELECT * FROM t')).toEqual([['1', 'b']])
    })
  })

  describe('replace', () => {
    it('by delete: an older snapshot still sees the old rows, and nobody waits to read', async () => {
      await ten()
      await using target = await open(engine, to)
      const plan = { table: 't', mode: 'replace', strategy: 'delete' } as const
      const seen: string[] = []
      const receipt = await target.write(
        { ...plan, beforeCommit: async () => void seen.push((await to.rows('SELECT count(*) FROM t'))[0]![0]!) },
        batches(
          [ID, NAME],
          [
            ['1', 'new'],
            ['20', 'new'],
          ],
        ),
      )
      expect(seen).toEqual(['10'])
      expect(receipt).toMatchObject({ route: 'staged', rowsCounted: 2, changes: { inserted: 2, deleted: 10 } })
      expect(await ids()).toEqual([1, 20])
    })

    it('by swap: the new table has the columns, checks, indexes, sequences and comments of the old one', async () => {
      await to.exec(`CREATE TABLE t (id int GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, name text DEFAULT 'none' CHECK (name <> ''),
          up text GENERATED ALWAYS AS (upper(name)) STORED);
        CREATE INDEX "Na me" ON t (name); CREATE INDEX same ON t (name); CREATE UNIQUE INDEX low ON t (lower(name)) WHERE id > 0;
        COMMENT ON TABLE t IS 'it''s'; COMMENT ON COLUMN t.name IS 'of it';
        INSERT INTO t (name) SELECT 'old ' || i FROM generate_series(1, 10) i`)
      const shape = () =>
        to.rows(`SELECT indexname || indexdef FROM pg_indexes WHERE tablename = 't'
          UNION ALL SELECT conname || pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 't'::regclass
          UNION ALL SELECT obj_description('t'::regclass) UNION ALL SELECT col_description('t'::regclass, 2)
          UNION ALL SELECT pg_get_serial_sequence('t', 'id') || nextval(pg_get_serial_sequence('t', 'id')) ORDER BY 1`)
      const before = await shape()
      await using target = await open(engine, to)
      const plan = { table: 't', mode: 'replace', strategy: 'swap' } as const
      const receipt = await target.write(plan, batches([ID, NAME], [['3', 'new']]))
      expect(receipt).toMatchObject({ route: 'swap', rowsCounted: 1, changes: { inserted: 1, deleted: 10 } })
      expect(await shape()).toEqual(before.map((row) => row.map((text) => text?.replace(/seq11$/, 'seq12') ?? null)))
      expect(await to.rows('SELECT * FROM t')).toEqual([['3', 'new', 'NEW']])
      expect(await to.rows("SELECT count(*) FROM pg_class WHERE relname LIKE 'airlock%'")).toEqual([['0']])
    })

    it.each([
      ['views', 'CREATE VIEW v AS SELECT id FROM t'],
      ['foreign keys', 'CREATE TABLE c (t int REFERENCES t)'],
      [
        'foreign keys',
        'CREATE TABLE p (id int PRIMARY KEY); ALTER TABLE t ADD FOREIGN KEY (id) REFERENCES p NOT VALID',
      ],
      ['grants', 'GRANT SELECT ON t TO PUBLIC'],
      ['grants', 'GRANT SELECT (id) ON t TO PUBLIC'],
      [
        'triggers',
        `CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
          CREATE TRIGGER g AFTER INSERT ON t EXECUTE FUNCTION f()`,
      ],
      ['row security', 'ALTER TABLE t ENABLE ROW LEVEL SECURITY'],
      ['rules', 'CREATE RULE r AS ON DELETE TO t DO INSTEAD NOTHING'],
      ['sequence', 'ALTER TABLE t ADD n serial'],
      ['inheritance', 'CREATE TABLE child () INHERITS (t)'],
      ['row type', 'CREATE TABLE other (x t)'],
      ['storage options', 'ALTER TABLE t SET (fillfactor = 50)'],
    ])('by swap is refused where %s would be lost', async (what, sql) => {
      await ten()
      await to.exec(sql)
      const error = await failure(write({ mode: 'replace', strategy: 'swap' }, [['1', 'new']]), 'POLICY_REFUSED')
      expect(error.message).toContain(what)
      expect(await ids()).toHaveLength(10)
    })

    it('by delete is refused where it would delete in other tables', async () => {
      await ten()
      await to.exec('CREATE TABLE child (t int REFERENCES t ON DELETE SET NULL); INSERT INTO child VALUES (5)')
      await failure(write({ mode: 'replace', strategy: 'delete' }, [['5', 'new']]), 'POLICY_REFUSED')
      expect(await to.rows('SELECT t FROM child')).toEqual([['5']])
    })
  })

  // Seen red, for each, with the call of refuseDeletes taken out.
  it.each([
    { mode: 'replace' },
    { mode: 'replace', strategy: 'delete' },
    { mode: 'replace', strategy: 'swap' },
    { mode: 'delete+insert', window: { column: 'id', from: '1', to: '8' } },
  ] as const)('stops at max_delete_ratio, before anything is deleted: $mode $strategy', async (plan) => {
    await ten()
    const few = [
      ['1', 'a'],
      ['2', 'b'],
    ]
    const error = await failure(write({ ...plan, maxDeleteRatio: 0.49 }, few), 'DELETE_LIMIT')
    expect(error.message).toMatch(/[58] of 10 rows/)
    expect(error.exitCode).toBe(4)
    expect(await ids()).toHaveLength(10)
    expect((await write({ ...plan, maxDeleteRatio: 0.8 }, few)).rowsCounted).toBe(2)
  })
})
