import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import type { RunOptions } from '../../src/run/local-runner.js'
import type { Engine, EngineName } from '../../src/testing/index.js'
import { describeWith } from '../setup/engines.js'
import { type TwoEnds, twoEnds } from './two-ends.js'

const MERGE = { mode: 'merge', primary_key: 'id', cursor: 'changed' }
const APPEND = { mode: 'append', cursor: 'changed' }

for (const [from, to] of [
  ['mysql', 'postgres'],
  ['postgres', 'postgres'],
] as const satisfies readonly (readonly [EngineName, EngineName])[]) {
  describeWith([from, to], `incremental streams from ${from} to ${to}`, (engines: Record<string, Engine>) => {
    let ends: TwoEnds
    beforeAll(async () => {
      ends = await twoEnds(engines[from]!, engines[to]!)
    })
    afterAll(() => ends[Symbol.asyncDispose]())
    beforeEach(async () => {
      await ends.target.exec('DROP TABLE IF EXISTS orders; DROP TABLE IF EXISTS _airlock_state')
      await ends.source.exec(`
        DROP TABLE IF EXISTS orders;
        CREATE TABLE orders (id INT NOT NULL PRIMARY KEY, changed TIMESTAMP(6) NULL, what VARCHAR(20));
        INSERT INTO orders VALUES (1, '2024-01-01 10:00:00', 'a'), (2, '2024-01-01 10:00:01.5', 'b')`)
    })
    const target = () => ends.target.rows('SELECT id, what FROM orders ORDER BY id, what')
    const states = () => ends.target.rows('SELECT value FROM _airlock_state')
    const error = async (stream: object, options?: RunOptions) =>
      (await ends.run({ orders: stream }, options)).streams[0]!.error

    // Seen red without `from` in the request.
    it('reads what is new, saves how far it came with the data, and nothing where nothing is new', async () => {
      await ends.source.exec("INSERT INTO orders VALUES (0, '2023-01-01 00:00:00', 'old')")
      const first = await ends.move(MERGE)
      expect(first).toMatchObject({ rows_read: 3, attempts: 1, state: { kept_in: 'target', before: null } })
      expect(first.state!.after).toMatch(/^2024-01-01 10:00:01\.50*(\+00)?$/)
      await ends.source.exec(`
        UPDATE orders SET what = 'A', changed = '2024-01-02 00:00:00' WHERE id = 1;
        INSERT INTO orders VALUES (3, '2024-01-02 00:00:00.000001', 'c')`)
      const second = await ends.move(MERGE)
      // The row at the last value is read once more: it may have come late.
      expect(second).toMatchObject({ rows_read: 3, state: { before: first.state!.after } })
      expect(await target()).toEqual([
        ['0', 'old'],
        ['1', 'A'],
        ['2', 'b'],
        ['3', 'c'],
      ])
      const before = await states()
      const third = await ends.move(MERGE)
      expect(third.state).toMatchObject({ before: second.state!.after, after: second.state!.after })
      await ends.source.exec('DELETE FROM orders')
      const empty = await ends.move(MERGE)
      expect([empty.rows_read, empty.state!.after]).toEqual([0, second.state!.after])
      expect(JSON.parse((await states())[0]![0]!)).toMatchObject({
        ...JSON.parse(before[0]![0]!),
        run: expect.any(String),
      })
    })

    it('reads late rows again within the lag, and does not go back when the newest row is gone', async () => {
      await ends.move(MERGE)
      await ends.source.exec("INSERT INTO orders VALUES (9, '2024-01-01 09:59:30', 'late')")
      expect((await ends.move(MERGE)).rows_read).toBe(1)
      expect((await target()).length).toBe(2)
      await ends.source.exec('DELETE FROM orders WHERE id = 2')
      const lagging = await ends.move({ ...MERGE, lag: 60 })
      expect(lagging.rows_read).toBe(2)
      expect(lagging.state!.after).toBe(lagging.state!.before)
      expect(await target()).toEqual([
        ['1', 'a'],
        ['2', 'b'],
        ['9', 'late'],
      ])
    })

    // Seen red with the key left out of the state.
    it('appends every row once: equal cursor values are told apart by the key', async () => {
      await ends.move(APPEND)
      await ends.source.exec(`
        INSERT INTO orders VALUES (4, '2024-01-01 10:00:01.5', 'd'), (3, '2024-01-01 10:00:01.5', 'c')`)
      expect((await ends.move(APPEND)).rows_read).toBe(2)
      expect((await ends.move(APPEND)).rows_read).toBe(0)
      await ends.source.exec("INSERT INTO orders VALUES (5, '2024-01-01 10:00:01.5', 'e')")
      expect((await ends.move(APPEND)).rows_read).toBe(1)
      expect((await target()).map(([id]) => id)).toEqual(['1', '2', '3', '4', '5'])
      await ends.source.exec('ALTER TABLE orders DROP PRIMARY KEY'.replace('PRIMARY KEY', keyOf(from)))
      expect(await error(APPEND)).toMatchObject({ code: 'KEY_REQUIRED', exit_code: 4 })
      expect(await error({ ...APPEND, primary_key: 'id' }, { fullRefresh: true })).toMatchObject({
        code: 'POLICY_REFUSED',
        message: expect.stringContaining('run it with mode replace once'),
      })
    })

    it('starts over with --full-refresh, and refuses state that belongs to something else', async () => {
      await ends.move(MERGE)
      expect((await ends.move(MERGE, { fullRefresh: true })).rows_read).toBe(2)
      expect(await error({ ...MERGE, cursor: 'id' })).toMatchObject({
        code: 'STATE_MISMATCH',
        exit_code: 4,
        message: expect.stringContaining('its cursor column was changed'),
        hint: expect.stringContaining('airlock state reset'),
      })
      expect(await error({ ...MERGE, where: 'id > 1' })).toMatchObject({ code: 'STATE_MISMATCH' })
      expect(await error({ ...MERGE, target_table: 'others' })).toMatchObject({ code: 'STATE_MISMATCH' })
      expect((await ends.move({ ...MERGE, cursor: 'id' }, { fullRefresh: true })).state).toMatchObject({ after: '2' })
      expect((await ends.move({ ...MERGE, cursor: 'id' })).rows_read).toBe(1)
      await ends.target.exec('DROP TABLE orders')
      const gone = await error({ ...MERGE, cursor: 'id' })
      expect([gone?.code, gone?.message]).toEqual(['STATE_MISMATCH', expect.stringContaining('table is gone')])
    })

    it('refuses rows without a cursor value, or reads them with every run and counts them', async () => {
      await ends.source.exec("INSERT INTO orders VALUES (7, NULL, 'never')")
      expect(await error(MERGE)).toMatchObject({ code: 'CURSOR_NULL' })
      const included = { ...MERGE, policies: { null_cursor: 'include' } }
      expect(await ends.move(included)).toMatchObject({ rows_read: 3, policies: { null_cursors: 1 } })
      expect((await ends.move(included)).rows_read).toBe(2)
      expect((await target()).at(-1)).toEqual(['7', 'never'])
    })

    it('keeps no values of masked columns, and needs its cursor among the columns', async () => {
      const masked = await error({ ...MERGE, mask: { changed: 'hash' } })
      expect([masked?.code, masked?.message]).toEqual(['POLICY_REFUSED', expect.stringContaining('changed, which is')])
      expect(await error({ ...APPEND, mask: { id: 'tokenize' } })).toMatchObject({ code: 'POLICY_REFUSED' })
      expect((await ends.move({ ...MERGE, mask: { id: 'tokenize' } })).rows_read).toBe(2)
      expect(JSON.parse((await states())[0]![0]!).key).toEqual([])
      expect(await error({ ...MERGE, select: ['id', 'what'] })).toMatchObject({
        code: 'COLUMN_NOT_FOUND',
        message: expect.stringContaining('orders.cursor'),
      })
    })

    it('replaces a window by what the source has in it, from the first bound up to the last', async () => {
      const window = { mode: 'delete+insert', cursor: 'id', window: { from: 2, to: 4 } }
      await ends.move({ mode: 'replace' })
      await ends.target.exec("INSERT INTO orders VALUES (3, NULL, 'old'), (4, NULL, 'kept')")
      await ends.source.exec("INSERT INTO orders VALUES (4, NULL, 'beyond')")
      expect(await ends.move(window)).toMatchObject({ rows_read: 1, state: null })
      expect(await target()).toEqual([
        ['1', 'a'],
        ['2', 'b'],
        ['4', 'kept'],
      ])
      await ends.source.exec('DELETE FROM orders WHERE id = 2')
      expect((await ends.move(window)).rows_read).toBe(0)
      expect((await target()).map(([id]) => id)).toEqual(['1', '4'])
    })

    it('says in the plan where it would go on, and saves nothing', async () => {
      const [first] = await ends.plan({ orders: MERGE })
      expect(first).toMatchObject({ incremental: { place: 'target', start: { column: 'changed', key: ['id'] } } })
      expect(first!.notes).toEqual(['reads from the beginning'])
      await ends.move(MERGE)
      const [next] = await ends.plan({ orders: { ...MERGE, lag: 5 } })
      expect(next!.incremental!.start).toMatchObject({ from: expect.stringMatching(/^2024-01-01 10:00:01\.5/), lag: 5 })
      expect(next!.notes).toEqual(['reads what is new by changed, and 5 before it once more'])
      await ends.source.exec('ALTER TABLE orders ADD COLUMN extra INT')
      await ends.target.exec('ALTER TABLE orders ADD COLUMN extra INT')
      const [wider] = await ends.plan({ orders: MERGE })
      expect(wider!.notes.at(-1)).toContain('until --full-refresh')
      const [whole] = await ends.plan({ orders: { ...MERGE, mode: 'replace' } })
      expect([whole!.incremental, whole!.notes[0]]).toEqual([undefined, expect.stringContaining('reads everything')])
    })
  })
}

/** How a server calls a primary key that is to be dropped. */
function keyOf(engine: EngineName): string {
  return engine === 'mysql' ? 'PRIMARY KEY' : 'CONSTRAINT orders_pkey'
}
