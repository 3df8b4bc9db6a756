import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { WritePlan } from '../../src/core/driver.js'
import type { TestDatabase } from '../../src/testing/index.js'
import { describeWith } from '../setup/engines.js'
import { column, numbers } from './rows.js'
import { failure, open } from './support.js'

const KEY = { pipeline: 'nightly', stream: 'orders' }

describeWith(['postgres'], 'state, identity and plans of a Postgres target', ({ postgres: engine }) => {
  let to: TestDatabase
  beforeEach(async () => {
    to = await engine.createDatabase('state')
  })
  afterEach(() => to.drop())

  const plan = (value: string | undefined, more: Partial<WritePlan> = {}): WritePlan => ({
    ...{ table: 't', mode: 'append', state: { key: KEY, value: () => value } },
    ...more,
  })

  describe('state', () => {
    it('is saved with the rows, read back and forgotten', async () => {
      await using target = await open(engine, to)
      expect(target.keepsState).toBe(true)
      expect(await target.readState(undefined)).toEqual([])
      await target.resetState(KEY)
      await target.write(plan('{"at": 1}'), numbers('id', 3))
      await target.write(plan(undefined), numbers('id', 3, 10))
      expect(await target.readState('nightly')).toMatchObject([{ ...KEY, value: '{"at": 1}' }])
      const other = { pipeline: 'hourly', stream: 'orders' }
      await target.write({ ...plan('2'), state: { key: other, value: () => 'é' } }, numbers('id', 1, 20))
      await target.write(plan('{"at": 2}', { table: 'other.t' }), numbers('id', 1)).catch(() => undefined)
      expect(await target.readState(undefined)).toMatchObject([
        { ...other, value: 'é' },
        { ...KEY, value: '{"at": 1}' },
      ])
      const [saved] = await target.readState('hourly')
      expect(Math.abs(Date.parse(saved!.savedAt) - Date.now())).toBeLessThan(600_000)
      expect(saved!.savedAt).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
      await target.resetState(KEY)
      expect(await target.readState('nightly')).toEqual([])
    })

    // Seen red with the state saved in front of BEGIN.
    it('is asked for last, and goes with the rows when these are rolled back', async () => {
      await using target = await open(engine, to)
      const order: string[] = []
      await target.write(
        {
          ...plan(undefined, { beforeCommit: () => void order.push('counted') }),
          state: {
            key: KEY,
            value: () => {
              order.push('asked')
              return '1'
            },
          },
        },
        numbers('id', 3),
      )
      expect(order).toEqual(['counted', 'asked'])
      await to.exec('ALTER TABLE t ADD UNIQUE (id) DEFERRABLE INITIALLY DEFERRED')
      await failure(target.write(plan('2'), numbers('id', 3)), 'CONSTRAINT_VIOLATED')
      expect(await target.readState('nightly')).toMatchObject([{ value: '1' }])
    })

    it('is created once by two first writes at a time', async () => {
      await using one = await open(engine, to)
      await using two = await open(engine, to)
      await Promise.all([
        one.write(plan('1', { table: 'a' }), numbers('id', 10)),
        two.write(
          { ...plan('2', { table: 'b' }), state: { key: { ...KEY, stream: 'b' }, value: () => '2' } },
          numbers('id', 10),
        ),
      ])
      expect((await one.readState('nightly')).map(({ value }) => value).sort()).toEqual(['1', '2'])
    })

    it('goes to the current schema of the connection, wherever the data goes', async () => {
      await to.exec('CREATE SCHEMA data; CREATE TABLE data.t (id int)')
      await using target = await open(engine, to)
      await target.write(plan('1', { table: 'data.t' }), numbers('id', 1))
      expect(await to.rows("SELECT to_regclass('public._airlock_state')::text")).toEqual([['_airlock_state']])
      expect(await target.readState('nightly')).toHaveLength(1)
    })
  })

  describe('identity', () => {
    const next = async () => {
      await to.exec('INSERT INTO t DEFAULT VALUES')
      return (await to.rows('SELECT max(id) FROM t'))[0]![0]
    }

    it.each(['append', 'replace', 'merge'] as const)('of a created table goes on after its rows: %s', async (mode) => {
      await using target = await open(engine, to)
      await target.write({ table: 't', mode, identity: true }, numbers('id', 20))
      expect(await next()).toBe('21')
      await target.write({ table: 't', mode: 'append', identity: true }, numbers('id', 5, 100))
      expect(await next()).toBe('105')
    })

    // Seen red with setval to the greatest value whatever the sequence had given out.
    it('of an existing one too, and serial columns; never back', async () => {
      for (const type of ['serial PRIMARY KEY', 'int GENERATED ALWAYS AS IDENTITY PRIMARY KEY']) {
        await to.exec(`DROP TABLE IF EXISTS t; CREATE TABLE t (id ${type}, name text)`)
        await using target = await open(engine, to)
        await target.write({ table: 't', mode: 'merge', identity: true }, numbers('id', 7))
        expect(await next()).toBe('8')
        await to.exec('DELETE FROM t WHERE id > 3')
        await target.write({ table: 't', mode: 'append', identity: true }, numbers('id', 1, 5))
        expect(await next()).toBe('9')
      }
    })

    it('is left alone where nobody asked', async () => {
      await to.exec('CREATE TABLE t (id serial PRIMARY KEY)')
      await using target = await open(engine, to)
      await target.write({ table: 't', mode: 'append' }, numbers('id', 3))
      await expect(next()).rejects.toThrow()
    })
  })

  it('outlines every mode and strategy with the statements that run', async () => {
    await to.exec('CREATE TABLE t (id int PRIMARY KEY, name text); INSERT INTO t VALUES (1)')
    const columns = [column('id', 'int32', { keyPosition: 1 }), column('name', 'text')]
    const plans: readonly (readonly [Partial<WritePlan>, RegExp, RegExp])[] = [
      [{ mode: 'append' }, /^COPY "public"\."t"/, /not idempotent/],
      [{ mode: 'replace' }, /^TRUNCATE/, /ACCESS EXCLUSIVE/],
      [{ mode: 'replace', strategy: 'delete' }, /^DELETE FROM "public"\."t"$/, /see the old rows until the commit/],
      [{ mode: 'replace', strategy: 'swap' }, /^ALTER TABLE .* RENAME TO "t"$/, /another table takes the name/],
      [{ mode: 'merge' }, /ON CONFLICT \("id"\) DO UPDATE SET "name" = excluded\."name"$/, /^idempotent/],
      [{ mode: 'merge', strategy: 'delete-insert' }, /^DELETE FROM .* USING/, /^atomic/],
      [{ mode: 'merge', strategy: 'insert-only' }, /DO NOTHING$/, /grants, views/],
      [{ mode: 'merge', primaryKey: ['name'] }, /^UPDATE .* FROM pg_temp/, /no unique index on the key/],
      [{ mode: 'delete+insert', cursor: 'id' }, /^DELETE .*BETWEEN/, /^atomic/],
      [
        { mode: 'delete+insert', window: { column: 'id', from: '1' } },
        /"id" >= \$1::text::integer$/,
        /see the old rows/,
      ],
    ]
    await using target = await open(engine, to)
    for (const [more, statement, note] of plans) {
      const outline = await target.outline({ table: 't', mode: 'append', ...more }, columns)
      expect(outline.targetExists).toBe(true)
      expect([outline.statements[0], outline.statements.at(-1)]).toEqual(['BEGIN', 'COMMIT'])
      expect(
        outline.statements.filter((text) => statement.test(text)),
        String(statement),
      ).toHaveLength(1)
      expect(
        outline.notes.filter((text) => note.test(text)),
        String(note),
      ).toHaveLength(1)
      expect(outline.drift).toBeUndefined()
    }
    const history = await target.outline({ table: 'h', mode: 'merge', strategy: 'scd2' }, columns)
    expect(history.statements.join('\n')).toContain('ADD PRIMARY KEY ("id", "_valid_from")')
    expect(history.notes).toContain('keys that the stream does not have stay current')
    expect(await to.rows('SELECT * FROM t')).toEqual([['1', null]])
  })
})
