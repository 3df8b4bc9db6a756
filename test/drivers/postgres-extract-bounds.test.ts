import { afterAll, beforeAll, expect, it } from 'vitest'
import type { CursorStart, Extraction, ExtractRequest } from '../../src/core/driver.js'
import type { TestDatabase } from '../../src/testing/index.js'
import { describeWith } from '../setup/engines.js'
import { cellsByColumn } from './postgres-type-table.js'
import { failure, open } from './support.js'

const START = { column: 'moved', key: ['id'], nulls: 'error' } as const

describeWith(['postgres'], 'a bounded Postgres read', ({ postgres: engine }) => {
  let from: TestDatabase
  beforeAll(async () => {
    from = await engine.createDatabase('bounds')
    await from.exec(`
      CREATE DOMAIN stamp AS timestamptz;
      CREATE TYPE mood AS ENUM ('low', 'high');
      CREATE TABLE moves (id bigint PRIMARY KEY, moved timestamptz(6) NOT NULL, seen stamp, whole smallint, amount numeric,
        ratio real, day date, code char(4), doc json, place point, level mood, cash money, odd text, bits bytea);
      INSERT INTO moves SELECT i, '2024-01-01'::timestamptz + (i / 2) * interval '1.000001 seconds',
          CASE WHEN i <> 5 THEN '2024-01-01'::timestamptz + i * interval '1 day' END, i - 6, i * 0.1, i / 4.0,
          '2024-01-01'::date + i, 'c' || i, '1', '(0,0)', CASE WHEN i < 6 THEN 'low' ELSE 'high' END::mood, i,
          'it''s \\' || i, decode(lpad(to_hex(i), 2, '0'), 'hex')
        FROM generate_series(1, 11) i;
      CREATE INDEX ON moves (moved, id);
      CREATE TABLE nothing (id int PRIMARY KEY, moved timestamptz)`)
  })
  afterAll(() => from.drop())

  /** Ids in the order of reading, and how far the read came. */
  const read = async (request: Partial<ExtractRequest>) => {
    await using source = await open(engine, from)
    const extraction: Extraction = source.extract({ table: 'moves', select: ['id'], ...request })
    const { id = [] } = await cellsByColumn(extraction)
    const ids = id.map(Number).sort((a, b) => a - b)
    return { ids, cursor: extraction.cursor, counts: extraction.policyCounts }
  }
  const since = (cursor: Partial<CursorStart>, request: Partial<ExtractRequest> = {}) =>
    read({ cursor: { ...START, ...cursor }, ...request })

  // Broken once: `<=` at the end.
  it('takes what lies in [from, to), typed as the column', async () => {
    const range = (column: string, bounds: object) => read({ range: { column, ...bounds } }).then(({ ids }) => ids)
    expect(await range('id', { from: '3', to: '6' })).toEqual([3, 4, 5])
    expect(await range('whole', { to: '-3' })).toEqual([1, 2])
    expect(await range('amount', { from: '0.30', to: '0.5' })).toEqual([3, 4])
    expect(await range('ratio', { from: '2.5' })).toEqual([10, 11])
    expect(await range('day', { from: '2024-01-11', to: 'infinity' })).toEqual([10, 11])
    expect(await range('moved', { from: '2024-01-01 00:00:05.000005+00' })).toEqual([10, 11])
    expect(await range('moved', { from: '2024-01-01 03:00:05.000005+03' })).toEqual([10, 11])
    expect(await range('code', { from: 'c11 ', to: 'c2' })).toEqual([11])
    expect(await range('level', { from: 'high' })).toEqual([6, 7, 8, 9, 10, 11])
    expect(await range('odd', { from: "it's \\3", to: "it's \\5" })).toEqual([3, 4])
    expect(await range('bits', { from: '\\x0a' })).toEqual([10, 11])
    expect(await range('seen', {})).toEqual([1, 2, 3, 4, 6, 7, 8, 9, 10, 11])
    const both = await read({ range: { column: 'id', from: '4' }, where: 'id < 7 -- said the user' })
    expect(both.ids).toEqual([4, 5, 6])
  })

  // Broken once: `>` in place of `>=`.
  it('goes on where the last read stopped', async () => {
    const all = await since({})
    expect(all.ids.length).toBe(11)
    expect(all.cursor).toEqual({ value: '2024-01-01 00:00:05.000005+00', key: ['11'] })
    const again = await since({ from: '2024-01-01 00:00:05.000005+00' })
    expect([again.ids, again.cursor]).toEqual([[10, 11], all.cursor])
    const next = await since({ from: '2024-01-01 00:00:05.000005+00', after: ['10'] })
    expect([next.ids, next.cursor]).toEqual([[11], all.cursor])
    const none = await since({ from: '2024-01-01 00:00:05.000005+00', after: ['11'] })
    expect([none.ids, none.cursor]).toEqual([[], undefined])
    expect((await since({}, { table: 'nothing' })).cursor).toBeUndefined()
    const keyless = await since({ key: [], from: '2024-01-01 00:00:05+00' })
    expect([keyless.ids, keyless.cursor]).toEqual([[10, 11], { value: '2024-01-01 00:00:05.000005+00', key: [] }])
    const query = await since({}, { table: undefined, query: 'SELECT * FROM moves WHERE id < 4' } as never)
    expect([query.ids, query.cursor?.key]).toEqual([[1, 2, 3], ['3']])
  })

  it('reads a lag again: seconds of times, units of numbers', async () => {
    expect((await since({ from: '2024-01-01 00:00:05.000005+00', lag: 1 })).ids).toEqual([10, 11])
    expect((await since({ from: '2024-01-01 00:00:05.000005+00', lag: 1.000001 })).ids).toEqual([8, 9, 10, 11])
    const tie = await since({ from: '2024-01-01 00:00:05.000005+00', after: ['10'], lag: 2 })
    expect(tie.ids).toEqual([8, 9, 11])
    const by = (column: string, cursor: Partial<CursorStart>) => since({ column, ...cursor }).then(({ ids }) => ids)
    expect(await by('day', { from: '2024-01-12', lag: 86_400 })).toEqual([10, 11])
    expect(await by('whole', { from: '5', lag: 1 })).toEqual([10, 11])
    expect((await by('whole', { from: '-32768', lag: 9 })).length).toBe(11)
    expect(await by('amount', { from: '1.1', lag: 0.1 })).toEqual([10, 11])
    expect(await by('ratio', { from: '2.75', lag: 0.25 })).toEqual([10, 11])
  })

  // Broken once: a count of one was let pass.
  it('counts rows without a cursor value, and reads them if told to', async () => {
    const error = await failure(since({ column: 'seen' }), 'CURSOR_NULL')
    expect(error.message).toContain('1 in seen')
    const included = await since({ column: 'seen', nulls: 'include', from: '2024-01-11 00:00:00+00' })
    expect([included.ids, included.counts, included.cursor?.value]).toEqual([
      [5, 10, 11],
      { null_cursors: 1 },
      '2024-01-12 00:00:00+00',
    ])
    expect((await since({ nulls: 'include' })).counts).toEqual({ null_cursors: 0 })
    const only = await since({ column: 'seen', nulls: 'include' }, { where: 'id = 5' })
    expect([only.ids, only.cursor]).toEqual([[5], undefined])
  })

  it('comes as far as its own snapshot', async () => {
    await using source = await open(engine, from)
    const extraction = source.extract({ table: 'moves', cursor: START, batchBytes: 1 })
    let rows = 0
    for await (const batch of extraction) {
      if (rows === 0) await from.exec("INSERT INTO moves (id, moved) VALUES (99, '2030-01-01')")
      rows += batch.rowCount
    }
    await from.exec('DELETE FROM moves WHERE id = 99')
    expect([rows, extraction.cursor?.key]).toEqual([11, ['11']])
  })

  it('is answered by an index', async () => {
    await using source = await open(engine, from)
    const cursor = { ...START, from: '2024-01-01 00:00:05+00', after: ['10'] }
    for (const request of [{ cursor }, { range: { column: 'id', from: '3', to: '4' } }]) {
      const { statement } = await source.describe({ table: 'moves', ...request })
      const select = /^COPY \((.*)\) TO STDOUT$/s.exec(statement)![1]
      const plan = await from.rows(`SET enable_seqscan = off; SET enable_bitmapscan = off; EXPLAIN ${select}`)
      expect(plan.flat().join('\n')).toContain('Index Cond')
    }
  })

  it('refuses what cannot bound a read', async () => {
    const misspelt = await failure(since({ column: 'movd' }), 'COLUMN_NOT_FOUND')
    expect(misspelt.message).toContain('Did you mean "moved"?')
    await failure(since({ key: ['ids'] }), 'COLUMN_NOT_FOUND')
    await failure(read({ range: { column: 'idd' } }), 'COLUMN_NOT_FOUND')
    for (const column of ['doc', 'place', 'cash']) {
      await failure(since({ column }), 'CONFIG_INVALID')
      await failure(read({ range: { column, from: '1' } }), 'CONFIG_INVALID')
    }
    await failure(since({ from: '2024-13-01' }), 'CONFIG_INVALID')
    await failure(since({ from: "'; DROP TABLE moves; --" }), 'CONFIG_INVALID')
    await failure(read({ range: { column: 'odd', from: 'a\0b' } }), 'CONFIG_INVALID')
    await failure(since({ from: '2024-01-01 00:00:00+00', after: ['1', '2'] }), 'CONFIG_INVALID')
    await failure(since({ column: 'code', from: 'c1', lag: 1 }), 'CONFIG_INVALID')
    await failure(since({ from: '2024-01-01 00:00:00+00', lag: -1 }), 'CONFIG_INVALID')
    expect(await from.rows('SELECT count(*) FROM moves')).toEqual([['11']])
  })
})
