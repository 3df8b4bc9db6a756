import { afterEach, beforeEach, expect, it } from 'vitest'
import type { Column } from '../../src/core/batch.js'
import type { LogicalType } from '../../src/core/column-type.js'
import type { WritePlan } from '../../src/core/driver.js'
import type { TestDatabase } from '../../src/testing/index.js'
import { describeWith } from '../setup/engines.js'
import { batches, type Cell, column } from './rows.js'
import { failure, open } from './support.js'

const ID = column('id', 'int32', { nullable: false, keyPosition: 1 })
const MODES = ['append', 'replace', 'merge', 'delete+insert'] as const

describeWith(['postgres'], 'the schema contract of a Postgres target', ({ postgres: engine }) => {
  let to: TestDatabase
  beforeEach(async () => {
    to = await engine.createDatabase('contract')
  })
  afterEach(() => to.drop())

  const planOf = (plan: Partial<WritePlan>): WritePlan => ({
    table: 't',
    mode: 'append',
    ...(plan.mode === 'delete+insert' ? { window: { column: 'id', from: '1' } } : {}),
    ...plan,
  })
  const write = async (plan: Partial<WritePlan>, columns: readonly Column[], rows: readonly (readonly Cell[])[]) => {
    await using target = await open(engine, to)
    return await target.write(planOf(plan), batches(columns, rows))
  }
  const drift = async (plan: Partial<WritePlan>, columns: readonly Column[]) => {
    await using target = await open(engine, to)
    return (await target.outline(planOf(plan), columns)).drift ?? []
  }
  const types = async () =>
    Object.fromEntries(
      await to.rows(`SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute
        WHERE attrelid = 't'::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum`),
    )

  it.each(MODES)('freeze: an unknown column stops %s, and a value too large', async (mode) => {
    await to.exec('CREATE TABLE t (id int PRIMARY KEY, n smallint); INSERT INTO t VALUES (0, 0)')
    await failure(write({ mode }, [ID, column('x', 'text')], [['1', 'a']]), 'SCHEMA_MISMATCH')
    await failure(write({ mode, contract: 'freeze' }, [ID, column('n', 'int32')], [['1', '70000']]), 'VALUE_REJECTED')
    expect(await to.rows('SELECT * FROM t')).toEqual([['0', '0']])
    expect(await drift({ mode }, [ID, column('n', 'int32')])).toEqual([
      'n: test into smallint; a value that does not fit stops the write',
    ])
  })

  it.each([...MODES, 'swap'] as const)('evolve: adds nullable columns and widens in %s', async (word) => {
    const plan = word === 'swap' ? ({ mode: 'replace', strategy: 'swap' } as const) : ({ mode: word } as const)
    await to.exec(
      'CREATE TABLE t (id int PRIMARY KEY, n smallint NOT NULL, old text); INSERT INTO t VALUES (0, 0, NULL)',
    )
    const columns = [ID, column('n', 'int64', { nullable: false }), column('x', 'text', { nullable: false })]
    const evolving = { ...plan, contract: 'evolve' } as const
    expect(await drift(evolving, columns)).toEqual([
      'n: test into smallint; widened to bigint',
      'x: new; added as text, nullable',
      'old: not in the stream; new rows get its default',
    ])
    const receipt = await write(evolving, columns, [['1', '9223372036854775807', 'a']])
    expect(receipt.rowsCounted).toBe(1)
    expect(await types()).toEqual({ id: 'integer', n: 'bigint', old: 'text', x: 'text' })
    expect(await to.rows('SELECT * FROM t WHERE id = 1')).toEqual([['1', '9223372036854775807', null, 'a']])
    // Fits now: nothing more to alter.
    expect(await drift(evolving, columns)).toEqual(['old: not in the stream; new rows get its default'])
    await write({ ...evolving, contract: 'freeze', maxDeleteRatio: 1 }, columns, [['2', '2', 'b']])
    expect(await to.rows("SELECT attnotnull FROM pg_attribute WHERE attname = 'x'")).toEqual([['f']])
  })

  const widenings: readonly (readonly [from: string, stream: LogicalType, to: string])[] = [
    ['smallint', { kind: 'int32' }, 'integer'],
    ['integer', { kind: 'int64' }, 'bigint'],
    ['integer', { kind: 'uint64' }, 'numeric(20,0)'],
    ['bigint', { kind: 'decimal', precision: 12, scale: 2 }, 'numeric(21,2)'],
    ['bigint', { kind: 'decimal' }, 'numeric'],
    ['numeric(10,2)', { kind: 'decimal', precision: 12, scale: 4 }, 'numeric(12,4)'],
    ['numeric(10,2)', { kind: 'decimal', precision: 6, scale: 4 }, 'numeric(12,4)'],
    ['numeric(10,2)', { kind: 'int64' }, 'numeric(21,2)'],
    ['numeric(10,2)', { kind: 'decimal' }, 'numeric'],
    ['real', { kind: 'float64' }, 'double precision'],
    ['real', { kind: 'int32' }, 'double precision'],
    ['character varying(10)', { kind: 'text', length: 20 }, 'character varying(20)'],
    ['character varying(10)', { kind: 'text' }, 'text'],
    ['character varying(10)', { kind: 'int64' }, 'character varying(20)'],
    ['timestamp(3) without time zone', { kind: 'timestamp', precision: 6 }, 'timestamp(6) without time zone'],
    ['timestamp(0) with time zone', { kind: 'timestamptz', precision: 3 }, 'timestamp(3) with time zone'],
    ['time(0) without time zone', { kind: 'time', precision: 6 }, 'time(6) without time zone'],
    ['date', { kind: 'timestamp', precision: 6 }, 'timestamp(6) without time zone'],
    // What fits is left as it is.
    ['bigint', { kind: 'int16' }, 'bigint'],
    ['numeric(10,2)', { kind: 'decimal', precision: 5, scale: 1 }, 'numeric(10,2)'],
    ['text', { kind: 'uuid' }, 'text'],
    ['timestamp without time zone', { kind: 'timestamp', precision: 3 }, 'timestamp without time zone'],
    // Text says nothing of what is in it; the server does.
    ['integer', { kind: 'text' }, 'integer'],
  ]
  it('evolve: widens by its table, and keeps every value', async () => {
    const rows = widenings.map(([from], index) => `c${index} ${from}`)
    await to.exec(`CREATE TABLE t (id int PRIMARY KEY, ${rows.join(', ')})`)
    const columns = [ID, ...widenings.map(([, stream], index) => column(`c${index}`, stream))]
    await write({ contract: 'evolve' }, columns, [['1', ...widenings.map(() => null)]])
    const after = await types()
    for (const [index, [, , wide]] of widenings.entries()) expect([index, after[`c${index}`]]).toEqual([index, wide])
  })

  it('evolve: has no answer for a narrower kind, a key column, a required column, and a column that a view shows', async () => {
    await to.exec(`CREATE TABLE t (id int PRIMARY KEY, n int, d numeric(10,2), r text NOT NULL DEFAULT '', q text NOT NULL);
      CREATE VIEW v AS SELECT n FROM t; ALTER TABLE t ALTER q DROP NOT NULL`)
    const evolve = { contract: 'evolve' } as const
    await failure(write(evolve, [ID, column('d', 'float64')], []), 'SCHEMA_MISMATCH')
    const merge = { ...evolve, mode: 'merge', primaryKey: ['k'] } as const
    await failure(write(merge, [ID, column('k', 'int32')], []), 'SCHEMA_MISMATCH')
    const shown = await failure(write(evolve, [ID, column('n', 'int64')], []), 'SCHEMA_MISMATCH')
    expect(shown.message).toContain('column n has to be widened, and a view')
    await to.exec('ALTER TABLE t ALTER q SET NOT NULL')
    await failure(write(evolve, [ID], []), 'SCHEMA_MISMATCH')
  })

  const odd = [ID, column('n', 'int32'), column('s', 'text'), column('x', 'text')]
  const values = [
    ['1', '1', 'abc', null],
    ['2', '70000', 'abc', null],
    ['3', null, 'abcdé', null],
    ['4', '4', null, 'x'],
    ['5', '-32769', 'abcdef', 'x'],
  ]

  it.each(MODES)('discard_value: leaves out what does not fit, and counts it: %s', async (mode) => {
    await to.exec('CREATE TABLE t (id int PRIMARY KEY, n smallint, s varchar(5))')
    const receipt = await write({ mode, contract: 'discard_value' }, odd, values)
    expect(receipt).toMatchObject({
      ...{ rowsSent: 5, rowsConfirmed: 5, rowsCounted: 5, policyCounts: { discarded_values: 5 } },
      changes: { inserted: 5, rejected: 0 },
    })
    expect(await to.rows('SELECT * FROM t ORDER BY id')).toEqual([
      ['1', '1', 'abc'],
      ['2', null, 'abc'],
      ['3', null, 'abcdé'],
      ['4', '4', null],
      ['5', null, null],
    ])
    expect(await types()).toEqual({ id: 'integer', n: 'smallint', s: 'character varying(5)' })
  })

  // Seen red with ContractFilter handing rejected rows on.
  it.each(MODES)('discard_row: leaves out rows that do not fit, and counts them: %s', async (mode) => {
    await to.exec('CREATE TABLE t (id int PRIMARY KEY, n smallint, s varchar(5) NOT NULL)')
    const receipt = await write({ mode, contract: 'discard_row' }, odd, values)
    expect(receipt).toMatchObject({
      ...{ rowsSent: 5, rowsConfirmed: 2, rowsCounted: 2 },
      changes: { inserted: 2, rejected: 3 },
    })
    expect(await to.rows('SELECT * FROM t ORDER BY id')).toEqual([
      ['1', '1', 'abc'],
      ['3', null, 'abcdé'],
    ])
    expect(await drift({ mode, contract: 'discard_row' }, odd)).toEqual([
      'n: test into smallint; rows that do not fit are left out',
      's: test into character varying(5); rows that do not fit are left out',
      'x: not in the target; rows with a value are left out',
    ])
  })

  it('discard_value: a key that does not fit is a NULL key', async () => {
    await to.exec('CREATE TABLE t (id smallint PRIMARY KEY)')
    await failure(write({ mode: 'merge', contract: 'discard_value' }, [ID], [['70000']]), 'KEY_NULL')
  })
})
