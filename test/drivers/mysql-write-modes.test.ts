import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { Column } from '../../src/core/batch.js'
import type { WritePlan } from '../../src/core/driver.js'
import type { TestDatabase } from '../../src/testing/index.js'
import { describeWith } from '../setup/engines.js'
import { batches, column } from './rows.js'
import { failure, open } from './support.js'

const ID = column('id', 'int32', { nullable: false, keyPosition: 1 })
const NAME = column('name', { kind: 'text', length: 40 })
const AT = column('at', 'timestamp')
const COLUMNS = [ID, NAME, AT]
type Rows = readonly (readonly (string | null)[])[]

describeWith(['mysql'], 'write modes of MySQL', ({ mysql: engine }) => {
  let to: TestDatabase
  beforeAll(async () => {
    to = await engine.createDatabase('modes')
  })
  afterAll(() => to.drop())
  afterEach(() =>
    to.exec('SET foreign_key_checks = 0; DROP VIEW IF EXISTS v; DROP TABLE IF EXISTS c, t, _airlock_state'),
  )

  const write = async (plan: Omit<WritePlan, 'table'>, rows: Rows, columns: readonly Column[] = COLUMNS) => {
    await using target = await open(engine, to)
    return await target.write({ table: 't', ...plan }, batches(columns, rows))
  }
  const day = (number: number) => `2024-01-${String(number).padStart(2, '0')} 00:00:00.000000`
  const five: Rows = [1, 2, 3, 4, 5].map((id) => [String(id), `name ${id}`, day(id)])
  const table = () => to.rows('SELECT id, name FROM t ORDER BY id, name')
  const filled = (extra = '') =>
    to.exec(`CREATE TABLE t (id int NOT NULL PRIMARY KEY, name varchar(40), at datetime(6)${extra});
      INSERT INTO t (id, name, at) VALUES (1, 'old 1', '2024-01-01'), (2, 'old 2', '2024-01-02'), (9, 'old 9', '2024-01-09')`)

  it('append: adds all rows, and adds them again', async () => {
    await to.exec('CREATE TABLE t (id int, name varchar(40), at datetime(6))')
    expect((await write({ mode: 'append' }, five)).changes).toMatchObject({ inserted: 5, deleted: 0 })
    expect(await write({ mode: 'append' }, five)).toMatchObject({ rowsCounted: 5, created: false, route: 'direct' })
    const checked = await write({ mode: 'append', checksum: true }, five)
    expect([checked.route, Object.keys(checked.checksums ?? {})]).toEqual(['staged', ['id', 'name', 'at']])
    expect(await table()).toHaveLength(15)
  })

  describe.each(['delete', 'swap'] as const)('replace by %s', (strategy) => {
    it('leaves exactly the new rows', async () => {
      await filled()
      const receipt = await write({ mode: 'replace', strategy, checksum: true }, five)
      expect(receipt).toMatchObject({ rowsCounted: 5, changes: { inserted: 5, deleted: 3 }, created: false })
      expect(await table()).toEqual(five.map(([id, name]) => [id, name]))
      expect(await to.rows("SHOW TABLES LIKE '\\_airlock%'")).toEqual([])
    })

    it('refuses to lose more than it may, and changes nothing', async () => {
      await filled()
      await failure(write({ mode: 'replace', strategy, maxDeleteRatio: 0.5 }, [['1', 'x', null]]), 'DELETE_LIMIT')
      expect(await table()).toHaveLength(3)
      await write({ mode: 'replace', strategy, maxDeleteRatio: 0.5 }, five.slice(0, 2))
      expect(await table()).toHaveLength(2)
      expect(await to.rows("SHOW TABLES LIKE '\\_airlock%'")).toEqual([])
    })
  })

  it.each([
    ['foreign keys', 'CREATE TABLE c (t_id int, FOREIGN KEY (t_id) REFERENCES t (id))'],
    ['triggers', 'CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW SET NEW.name = NEW.name'],
    ['views', 'CREATE VIEW v AS SELECT id FROM t'],
  ])('replace by swap: refuses a table with %s', async (_, ddl) => {
    await filled()
    await to.exec(ddl)
    await failure(write({ mode: 'replace', strategy: 'swap' }, five), 'POLICY_REFUSED')
    await write({ mode: 'replace' }, five)
    expect(await table()).toHaveLength(5)
  })

  it('never reaches into another table by a cascade', async () => {
    await filled()
    await to.exec(
      'CREATE TABLE c (t_id int, FOREIGN KEY (t_id) REFERENCES t (id) ON DELETE CASCADE); INSERT INTO c VALUES (1)',
    )
    for (const mode of ['replace', 'delete+insert'] as const)
      await failure(write({ mode, cursor: 'at' }, five), 'POLICY_REFUSED')
    await failure(write({ mode: 'merge', strategy: 'delete-insert' }, five), 'POLICY_REFUSED')
    await write({ mode: 'merge' }, five)
    expect(await to.rows('SELECT COUNT(*) FROM c')).toEqual([['1']])
  })

  it('has no strategy that cannot be undone', async () => {
    await failure(write({ mode: 'replace', strategy: 'truncate' }, five), 'UNSUPPORTED')
    await failure(write({ mode: 'merge', strategy: 'swap' }, five), 'UNSUPPORTED')
  })

  describe('merge', () => {
    it('upsert: updates known keys, adds new ones, leaves the others, again and again', async () => {
      await filled(', kept int DEFAULT 7')
      for (const changes of [
        { inserted: 3, updated: 2 },
        { inserted: 0, updated: 5 },
      ]) {
        const receipt = await write({ mode: 'merge', checksum: true }, five)
        expect(receipt).toMatchObject({ rowsSent: 5, rowsCounted: 5, route: 'staged', changes })
      }
      expect(await table()).toEqual([...five.map(([id, name]) => [id, name]), ['9', 'old 9']])
      expect(await to.rows('SELECT DISTINCT kept FROM t')).toEqual([['7']])
    })

    // Seen red with ON DUPLICATE KEY UPDATE for every table: id 3 overwrote the row of id 2.
    it('upsert: goes by its key alone where the table has another unique key', async () => {
      await filled(', UNIQUE (name)')
      await failure(write({ mode: 'merge' }, [['3', 'old 2', day(3)]]), 'CONSTRAINT_VIOLATED')
      expect(await table()).toEqual([
        ['1', 'old 1'],
        ['2', 'old 2'],
        ['9', 'old 9'],
      ])
      const receipt = await write({ mode: 'merge' }, [
        ['3', 'new', null],
        ['1', 'one', null],
      ])
      expect(receipt.changes).toMatchObject({ inserted: 1, updated: 1 })
      expect(await table()).toEqual([
        ['1', 'one'],
        ['2', 'old 2'],
        ['3', 'new'],
        ['9', 'old 9'],
      ])
    })

    it('insert-only: adds new keys, counts the others', async () => {
      await filled()
      const receipt = await write({ mode: 'merge', strategy: 'insert-only', checksum: true }, five)
      expect(receipt).toMatchObject({ rowsCounted: 5, changes: { inserted: 3, unchanged: 2, updated: 0 } })
      expect((await table()).slice(0, 3)).toEqual([
        ['1', 'old 1'],
        ['2', 'old 2'],
        ['3', 'name 3'],
      ])
    })

    it('delete-insert: rewrites whole rows', async () => {
      await filled(', extra int DEFAULT 7')
      await to.exec('UPDATE t SET extra = 1')
      const receipt = await write({ mode: 'merge', strategy: 'delete-insert' }, five)
      expect(receipt.changes).toMatchObject({ deleted: 2, inserted: 5 })
      expect(await to.rows('SELECT id, extra FROM t ORDER BY id LIMIT 2')).toEqual([
        ['1', '7'],
        ['2', '7'],
      ])
    })

    it.each(['upsert', 'insert-only', 'delete-insert'] as const)(
      '%s: creates the table with its key',
      async (strategy) => {
        const receipt = await write({ mode: 'merge', strategy }, five)
        expect(receipt).toMatchObject({ created: true, rowsCounted: 5, changes: { inserted: 5 } })
        await failure(write({ mode: 'append' }, five), 'CONSTRAINT_VIOLATED')
        expect(await table()).toHaveLength(5)
      },
    )

    it('of rows with one key the greatest cursor wins, then the last to arrive', async () => {
      const rows: Rows = [
        ['1', 'late', day(9)],
        ['1', 'early', day(1)],
        ['2', 'first', day(5)],
        ['2', 'second', day(5)],
        ['3', 'null', null],
        ['3', 'some', day(1)],
        ['3', 'null too', null],
      ]
      const receipt = await write({ mode: 'merge', cursor: 'at', checksum: true }, rows)
      expect([receipt.rowsSent, receipt.rowsCounted, receipt.changes?.duplicates]).toEqual([7, 3, 4])
      expect(await table()).toEqual([
        ['1', 'late'],
        ['2', 'second'],
        ['3', 'some'],
      ])
      await write({ mode: 'merge' }, rows)
      expect(await table()).toEqual([
        ['1', 'early'],
        ['2', 'second'],
        ['3', 'null too'],
      ])
    })

    it('needs a key, and values in it', async () => {
      await failure(write({ mode: 'merge' }, [['x']], [NAME]), 'KEY_REQUIRED')
      await failure(write({ mode: 'merge', primaryKey: ['nmae'] }, five), 'COLUMN_NOT_FOUND')
      const loose = [column('id', 'int32'), NAME]
      await failure(
        write(
          { mode: 'merge', primaryKey: ['id'] },
          [
            ['1', 'a'],
            [null, 'b'],
          ],
          loose,
        ),
        'KEY_NULL',
      )
      expect(await to.rows("SHOW TABLES LIKE 't'")).toEqual([])
    })

    it('takes NULL for a key where that is wanted, and finds it again', async () => {
      const loose = [column('id', 'int32'), NAME]
      const plan = { mode: 'merge', primaryKey: ['id'], policies: { null_keys: 'match' } } as const
      await write(
        plan,
        [
          ['1', 'a'],
          [null, 'b'],
          [null, 'c'],
        ],
        loose,
      )
      const { changes } = await write(
        plan,
        [
          [null, 'd'],
          ['1', 'e'],
        ],
        loose,
      )
      expect(changes).toMatchObject({ inserted: 0, updated: 2 })
      expect(await table()).toEqual([
        [null, 'd'],
        ['1', 'e'],
      ])
    })

    it('scd2: keeps every version of a row', async () => {
      const plan = { mode: 'merge', strategy: 'scd2' } as const
      const four: Rows = [1, 2, 3, 4].map((id) => [String(id), `v1 ${id}`, null])
      expect((await write(plan, four)).changes).toMatchObject({ inserted: 4 })
      expect((await write(plan, four)).changes).toMatchObject({ inserted: 0, updated: 0, unchanged: 4 })
      const changed: Rows = [1, 2, 3, 4].map((id) => [String(id), `V1 ${id}`, null])
      const receipt = await write({ ...plan, checksum: true }, changed)
      expect(receipt).toMatchObject({ rowsCounted: 4, changes: { inserted: 4, updated: 4, unchanged: 0 } })
      expect(await to.rows('SELECT COUNT(*), SUM(_valid_to IS NULL) FROM t')).toEqual([['8', '4']])
      const [gap] = await to.rows('SELECT COUNT(*) FROM t a JOIN t b ON b.id = a.id AND b._valid_from = a._valid_to')
      expect(gap).toEqual(['4'])
      const close = { ...plan, policies: { absent_keys: 'close' } } as const
      await failure(write({ ...close, maxDeleteRatio: 0.1 }, changed.slice(0, 2)), 'DELETE_LIMIT')
      expect((await write(close, changed.slice(0, 2))).changes).toMatchObject({ deleted: 2, unchanged: 2 })
      expect(await to.rows('SELECT COUNT(*), SUM(_valid_to IS NULL) FROM t')).toEqual([['8', '2']])
      await failure(write(plan, [['1', 'x']], [ID, column('_valid_to', 'text')]), 'SCHEMA_MISMATCH')
    })
  })

  describe('delete+insert', () => {
    const plan = { mode: 'delete+insert' } as const

    it('replaces the rows of a half-open window', async () => {
      await filled()
      const window = { column: 'at', from: '2024-01-02 00:00:00', to: '2024-01-09 00:00:00' }
      const receipt = await write({ ...plan, window, checksum: true }, five.slice(1))
      expect(receipt).toMatchObject({ rowsCounted: 4, changes: { deleted: 1, inserted: 4 } })
      expect((await table()).map(([id]) => id)).toEqual(['1', '2', '3', '4', '5', '9'])
      const emptied = await write({ ...plan, window: { column: 'id', from: '2', to: '4' } }, [])
      expect(emptied).toMatchObject({ rowsCounted: 0, changes: { deleted: 2 }, policyCounts: { window_emptied: 2 } })
      await failure(
        write({ ...plan, window: { column: 'at', to: '2024-02-01 00:00:00' }, maxDeleteRatio: 0.5 }, []),
        'DELETE_LIMIT',
      )
      await failure(write({ ...plan, window: { column: 'at', to: 'yesterday' } }, five), 'CONFIG_INVALID')
      expect((await table()).map(([id]) => id)).toEqual(['1', '4', '5', '9'])
    })

    it('takes the window from the rows, both ends included', async () => {
      await filled()
      expect((await write({ ...plan, cursor: 'at' }, five.slice(1))).changes).toMatchObject({ deleted: 1, inserted: 4 })
      expect((await write({ ...plan, cursor: 'at' }, five.slice(1))).changes).toMatchObject({ deleted: 4, inserted: 4 })
      expect((await table()).map(([id]) => id)).toEqual(['1', '2', '3', '4', '5', '9'])
      const nothing = await write({ ...plan, cursor: 'at' }, [])
      expect([nothing.route, nothing.policyCounts]).toEqual(['nothing', { window_unknown: 1 }])
      await failure(write({ ...plan, cursor: 'at' }, [['7', 'x', null]]), 'CURSOR_NULL')
      await failure(write(plan, five), 'CONFIG_INVALID')
      expect(await table()).toHaveLength(6)
    })

    it('creates the table', async () => {
      expect(await write({ ...plan, cursor: 'id', primaryKey: ['id'] }, [...five, ['5', 'again', null]])).toMatchObject(
        {
          created: true,
          rowsCounted: 5,
          changes: { duplicates: 1 },
        },
      )
    })
  })

  it('goes on after the greatest number where the target gives them out', async () => {
    await write({ mode: 'append', identity: true }, five)
    await to.exec("INSERT INTO t (name) VALUES ('own')")
    expect((await table()).at(-1)).toEqual(['6', 'own'])
    await write({ mode: 'append' }, [
      ['100', 'x', null],
      ['0', 'zero', null],
    ])
    await to.exec("INSERT INTO t (name) VALUES ('next')")
    const ids = (await table()).map(([id]) => id)
    expect([ids[0], ids.at(-1)]).toEqual(['0', '101'])
  })

  it('saves state with the data, or not at all', async () => {
    await using target = await open(engine, to)
    expect(target.keepsState).toBe(true)
    const key = { pipeline: "p'1", stream: 's' }
    expect(await target.readState(undefined)).toEqual([])
    const save = (value: string | undefined) => ({
      table: 't',
      mode: 'replace' as const,
      state: { key, value: () => value },
    })
    await target.write(save('{"a":"\\\\"}'), batches(COLUMNS, five))
    await target.write(save(undefined), batches(COLUMNS, five))
    const broken = () => {
      throw new RangeError('of the caller')
    }
    await failure(target.write({ ...save('{"a":2}'), beforeCommit: broken }, batches(COLUMNS, five)))
    const [saved, ...more] = await target.readState("p'1")
    expect([saved?.value, saved?.stream, more]).toEqual(['{"a":"\\\\"}', 's', []])
    expect(saved?.savedAt).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
    expect(await target.readState('other')).toEqual([])
    await target.resetState(key)
    expect(await target.readState(undefined)).toEqual([])
  })
})
