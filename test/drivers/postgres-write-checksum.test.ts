import { afterEach, beforeEach, expect, it } from 'vitest'
import type { Column } from '../../src/core/batch.js'
import type { WritePlan } from '../../src/core/driver.js'
import { RowChecksums } from '../../src/core/row-checksums.js'
import type { TestDatabase } from '../../src/testing/index.js'
import { describeWith } from '../setup/engines.js'
import { batches, batchOf, type Cell, column } from './rows.js'
import { failure, open } from './support.js'

const COLUMNS = [
  column('id', 'int32', { nullable: false, keyPosition: 1 }),
  column('name', 'text'),
  column('price', { kind: 'decimal', precision: 10, scale: 4 }),
  column('at', { kind: 'timestamptz', precision: 6 }),
  column('doc', { kind: 'json', storage: 'jsonb' }),
  column('raw', 'bytes'),
  column('ratio', 'float64'),
]
const ROWS: readonly (readonly Cell[])[] = [
  ['1', 'a\tb\\', '1.5', '2024-02-29 23:59:59.5+00', '{"b": 1, "a": [1.10]}', Buffer.from([0, 255]), '0.1'],
  ['2', null, null, null, null, null, null],
  ['3', 'ж€𝄞', '-0.0001', '0001-01-01 00:00:00+00', 'null', Buffer.alloc(0), '-1e-300'],
]
const PLANS = [
  { mode: 'append' },
  { mode: 'append', contract: 'evolve' },
  { mode: 'replace' },
  { mode: 'replace', strategy: 'delete' },
  { mode: 'replace', strategy: 'swap' },
  { mode: 'merge' },
  { mode: 'merge', strategy: 'delete-insert' },
  { mode: 'merge', strategy: 'insert-only' },
  { mode: 'merge', strategy: 'scd2' },
  { mode: 'delete+insert', window: { column: 'id', from: '1' }, primaryKey: ['id'] },
  { mode: 'delete+insert', cursor: 'id', contract: 'evolve' },
] as const satisfies readonly Partial<WritePlan>[]

describeWith(['postgres'], 'checksums inside a write to Postgres', ({ postgres: engine }) => {
  let to: TestDatabase
  beforeEach(async () => {
    to = await engine.createDatabase('sums')
  })
  afterEach(() => to.drop())

  const write = async (plan: Partial<WritePlan>, rows = ROWS, columns: readonly Column[] = COLUMNS) => {
    await using target = await open(engine, to)
    return await target.write({ table: 't', mode: 'append', checksum: true, ...plan }, batches(columns, rows))
  }
  const table = (strategy: string | undefined) => `CREATE TABLE t (id int PRIMARY KEY, name text, price numeric(12,4),
    at timestamptz, doc jsonb, raw bytea, ratio double precision
    ${strategy === 'scd2' ? ', _valid_from timestamptz, _valid_to timestamptz' : ''})`
  const strategyOf = (plan: Partial<WritePlan>) => plan.strategy

  it.each(PLANS)('agree, into a new table and into one with rows: $mode $strategy $contract', async (plan) => {
    const sums = new RowChecksums(COLUMNS)
    sums.add(batchOf(COLUMNS, ROWS))
    expect((await write(plan)).checksums).toEqual(sums.digest())
    await to.exec(`DROP TABLE t; ${table(strategyOf(plan))};
      INSERT INTO t (id, name) VALUES (0, 'before'), (7, 'before')`)
    if ('contract' in plan) await to.exec('ALTER TABLE t ALTER id TYPE smallint')
    expect((await write(plan)).checksums).toEqual(sums.digest())
  })

  // Seen red, for each, without the calls of checkTable and checkMerged.
  it.each(PLANS)(
    'find a value that was changed on the way in, and nothing is kept: $mode $strategy $contract',
    async (plan) => {
      await to.exec(`${table(strategyOf(plan))}; INSERT INTO t (id, name) VALUES (0, 'before');
      CREATE FUNCTION change() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN IF NEW.id = 3 THEN NEW.price = NEW.price + 0.0001; NEW.raw = '\\x00'; END IF; RETURN NEW; END $$`)
      if ('contract' in plan) await to.exec('ALTER TABLE t ALTER id TYPE smallint')
      const swaps = strategyOf(plan) === 'swap'
      // A swap is refused where there are triggers; varchar cuts blanks on its own.
      await to.exec(
        swaps
          ? 'ALTER TABLE t ALTER at TYPE timestamptz(6), ALTER name TYPE varchar(6)'
          : 'CREATE TRIGGER changing BEFORE INSERT OR UPDATE ON t FOR EACH ROW EXECUTE FUNCTION change()',
      )
      const rows = swaps ? [['1', 'abcdef  ', null, null, null, null, null]] : ROWS
      const error = await failure(write(plan, rows), 'CHECKSUM_MISMATCH')
      expect(error.message).toContain(swaps ? 'differ in name.' : 'differ in price, raw.')
      expect(error.exitCode).toBe(7)
      expect(await to.rows('SELECT id, name FROM t')).toEqual([['0', 'before']])
    },
  )

  it('sum what is stored: without NULs, rejected rows and losers of a key', async () => {
    const columns = [COLUMNS[0]!, column('name', 'text'), column('doc', 'json')]
    const incoming = [
      ['1', 'a\0b', '{"a": "\\u0000x\\\\u0000"}'],
      ['1', 'c', '{}'],
      ['2', '\0', '[]'],
    ]
    const receipt = await write({ mode: 'merge' }, incoming, columns)
    expect(receipt).toMatchObject({ policyCounts: { nul_bytes: 3 }, changes: { inserted: 2, duplicates: 1 } })
    expect(await to.rows('SELECT * FROM t ORDER BY id')).toEqual([
      ['1', 'c', '{}'],
      ['2', '', '[]'],
    ])
    await to.exec('DROP TABLE t; CREATE TABLE t (id int, name varchar(2), doc json)')
    const more = await write({ contract: 'discard_row', policies: { nul: 'replace' } }, incoming, columns)
    expect(more.changes).toMatchObject({ inserted: 2, rejected: 1 })
    await failure(write({ policies: { nul: 'reject' } }, incoming, columns), 'VALUE_POLICY')
  })

  it('compare by value where the target has another type, and leave out text that it reads as something else', async () => {
    await to.exec('CREATE TABLE t (id numeric(8,2), day timestamp, small bigint, note text, key uuid, kind char(4))')
    const columns = [
      ...[column('id', 'int32'), column('day', 'date'), column('small', 'int16'), column('note', 'uuid')],
      ...[column('key', 'text'), column('kind', 'text')],
    ]
    const uuid = 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'
    const receipt = await write({}, [['5', '2024-02-29', '7', uuid.toLowerCase(), uuid, 'ab']], columns)
    expect(Object.keys(receipt.checksums ?? {})).toEqual(['id', 'day', 'small', 'note', 'kind'])
  })
})
