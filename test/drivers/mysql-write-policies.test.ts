import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import type { LogicalType } from '../../src/core/column-type.js'
import { keepsNumbers } from '../../src/drivers/mysql/write/json-numbers.js'
import type { TestDatabase } from '../../src/testing/index.js'
import { describeWith } from '../setup/engines.js'
import { batches, type Cell, column } from './rows.js'
import { failure, open } from './support.js'

interface PolicyCase {
  readonly policy: string
  readonly choice: string
  readonly type: LogicalType
  readonly sourceType?: string
  readonly values: readonly Cell[]
  /** Type of the new column and what is in it, as the server shows it; or the code of the error. */
  readonly gives: readonly [type: string, ...shown: (string | null)[]] | 'VALUE_POLICY'
  readonly counted?: Readonly<Record<string, number>>
}

const MOMENTS = ['infinity', '-infinity', '0044-03-15 10:00:00 BC', '294276-12-31 23:59:59', '2024-01-01 00:00:00']
const DAYS = ['infinity', '0044-03-15 BC', '10000-01-01', '0000-01-01']
const ZONED = ['10:00:00.5+02', '23:59:59-15:59:59', '00:00:00+15:59']

const CASES: readonly PolicyCase[] = [
  { policy: 'nonfinite', choice: 'error', type: { kind: 'float64' }, values: ['NaN'], gives: 'VALUE_POLICY' },
  { policy: 'nonfinite', choice: 'error', type: { kind: 'decimal' }, values: ['-Infinity'], gives: 'VALUE_POLICY' },
  {
    policy: 'nonfinite',
    choice: 'null',
    type: { kind: 'float32' },
    values: ['NaN', 'Infinity', '1.5'],
    gives: ['double', null, null, '1.5'],
    counted: { nonfinite: 2 },
  },
  {
    policy: 'nonfinite',
    choice: 'null',
    type: { kind: 'decimal', precision: 5, scale: 1 },
    values: ['NaN', '1.5'],
    gives: ['decimal(5,1)', null, '1.5'],
    counted: { nonfinite: 1 },
  },
  {
    policy: 'nonfinite',
    choice: 'text',
    type: { kind: 'float64' },
    values: ['NaN', '-Infinity'],
    gives: ['varchar(32)', 'NaN', '-Infinity'],
  },
  {
    policy: 'numeric_unbounded',
    choice: 'decimal',
    type: { kind: 'decimal' },
    values: [`0.${'1'.repeat(31)}`],
    gives: 'VALUE_POLICY',
  },
  {
    policy: 'numeric_unbounded',
    choice: 'decimal',
    type: { kind: 'decimal' },
    values: ['9'.repeat(36)],
    gives: 'VALUE_POLICY',
  },
  {
    policy: 'numeric_unbounded',
    choice: 'text',
    type: { kind: 'decimal' },
    values: [`0.${'1'.repeat(40)}`],
    gives: ['longtext', `0.${'1'.repeat(40)}`],
  },
  { policy: 'numeric_unbounded', choice: 'error', type: { kind: 'decimal' }, values: ['1'], gives: 'VALUE_POLICY' },
  {
    policy: 'out_of_range_dates',
    choice: 'error',
    type: { kind: 'timestamp' },
    values: ['infinity'],
    gives: 'VALUE_POLICY',
  },
  {
    policy: 'out_of_range_dates',
    choice: 'null',
    type: { kind: 'timestamp' },
    values: MOMENTS,
    gives: ['datetime(6)', null, null, null, null, '2024-01-01 00:00:00.000000'],
    counted: { out_of_range_dates: 4 },
  },
  {
    policy: 'out_of_range_dates',
    choice: 'clamp',
    type: { kind: 'timestamp', precision: 2 },
    values: MOMENTS,
    gives: [
      'datetime(2)',
      '9999-12-31 23:59:59.99',
      '0001-01-01 00:00:00.00',
      '0001-01-01 00:00:00.00',
      '9999-12-31 23:59:59.99',
      '2024-01-01 00:00:00.00',
    ],
    counted: { out_of_range_dates: 4 },
  },
  {
    policy: 'out_of_range_dates',
    choice: 'clamp',
    type: { kind: 'date' },
    values: DAYS,
    gives: ['date', '9999-12-31', '0001-01-01', '9999-12-31', '0001-01-01'],
    counted: { out_of_range_dates: 4 },
  },
  {
    policy: 'timetz',
    choice: 'text',
    type: { kind: 'text' },
    sourceType: 'time with time zone',
    values: ZONED,
    gives: ['varchar(32)', ...ZONED],
  },
  {
    policy: 'timetz',
    choice: 'utc',
    type: { kind: 'text' },
    sourceType: 'time with time zone',
    values: ZONED,
    gives: ['time(6)', '08:00:00.500000', '15:59:58.000000', '08:01:00.000000'],
    counted: { timetz: 3 },
  },
  { policy: 'interval', choice: 'iso8601', type: { kind: 'interval' }, values: ['P1M'], gives: ['varchar(64)', 'P1M'] },
  {
    policy: 'interval',
    choice: 'time',
    type: { kind: 'interval' },
    values: ['PT-4H-5M-6.789S', '838:59:59', 'PT0.5S'],
    gives: ['time(6)', '-04:05:06.789000', '838:59:59.000000', '00:00:00.500000'],
  },
  { policy: 'interval', choice: 'time', type: { kind: 'interval' }, values: ['P1D'], gives: 'VALUE_POLICY' },
  { policy: 'interval', choice: 'time', type: { kind: 'interval' }, values: ['839:00:00'], gives: 'VALUE_POLICY' },
  {
    policy: 'interval',
    choice: 'micros',
    type: { kind: 'interval' },
    values: ['-01:00:00.000001'],
    gives: ['bigint', '-3600000001'],
  },
  { policy: 'interval', choice: 'error', type: { kind: 'interval' }, values: ['PT1S'], gives: 'VALUE_POLICY' },
  {
    policy: 'arrays',
    choice: 'text',
    type: { kind: 'array', element: { kind: 'text' } },
    values: ['{a,"b c"}'],
    gives: ['longtext', '{a,"b c"}'],
  },
  {
    policy: 'arrays',
    choice: 'error',
    type: { kind: 'array', element: { kind: 'text' } },
    values: ['{}'],
    gives: 'VALUE_POLICY',
  },
  {
    policy: 'uuid',
    choice: 'binary16',
    type: { kind: 'uuid' },
    values: ['00112233-4455-6677-8899-AABBCCDDEEFF'],
    gives: ['binary(16)', '00112233445566778899AABBCCDDEEFF'],
  },
  { policy: 'real', choice: 'float', type: { kind: 'float32' }, values: ['0.5'], gives: ['float', '0.5'] },
  {
    policy: 'timestamptz',
    choice: 'timestamp',
    type: { kind: 'timestamptz' },
    values: ['2038-01-19 03:14:08+00'],
    gives: 'VALUE_POLICY',
  },
]

describeWith(['mysql'], 'policies of a MySQL target', ({ mysql: engine }) => {
  let to: TestDatabase
  beforeAll(async () => {
    to = await engine.createDatabase('policies')
  })
  afterAll(() => to.drop())
  afterEach(() => to.exec('DROP TABLE IF EXISTS t'))

  it.each(CASES)(
    '$policy: $choice ($values.0)',
    async ({ policy, choice, type, sourceType, values, gives, counted = {} }) => {
      await using target = await open(engine, to)
      const columns = [column('id', 'int32'), column('v', type, sourceType === undefined ? {} : { sourceType })]
      const plan = { table: 't', mode: 'replace', policies: { [policy]: choice }, checksum: true } as const
      const write = target.write(
        plan,
        batches(
          columns,
          values.map((value, index) => [String(index), value]),
        ),
      )
      if (gives === 'VALUE_POLICY') {
        await failure(write, 'VALUE_POLICY')
        expect(await to.rows("SHOW TABLES LIKE 't'")).toEqual([])
        return
      }
      expect((await write).policyCounts).toEqual(counted)
      const [declared, ...shown] = gives
      const [[found]] = (await to.rows(
        "SELECT column_type FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 't' AND column_name = 'v'",
      )) as [[string]]
      expect(found.replace(/^bigint\(\d+\)/, 'bigint')).toBe(declared)
      const value = declared === 'binary(16)' ? 'HEX(v)' : 'v'
      expect((await to.rows(`SELECT ${value} FROM t ORDER BY id`)).map(([each]) => each)).toEqual(shown)
    },
  )

  it('refuses a choice that its policy does not have', async () => {
    await using target = await open(engine, to)
    const plan = { table: 't', mode: 'append', policies: { arrays: 'xml' } } as const
    await failure(target.write(plan, batches([column('id', 'int32')])), 'CONFIG_INVALID')
  })

  it.each([
    ['evolve', { added: true, rows: 2, rejected: 0 }],
    ['discard_value', { added: false, rows: 2, rejected: 0 }],
    ['discard_row', { added: false, rows: 1, rejected: 1 }],
  ] as const)('contract %s with a column that the target does not have', async (contract, expected) => {
    await to.exec("CREATE TABLE t (id smallint NOT NULL PRIMARY KEY COMMENT 'it''s', name varchar(3))")
    await using target = await open(engine, to)
    const columns = [column('id', 'int32'), column('name', { kind: 'text', length: 9 }), column('more', 'text')]
    const rows = () =>
      batches(columns, [
        ['1', 'abc', null],
        ['2', 'abc', 'x'],
      ])
    await failure(target.write({ table: 't', mode: 'append' }, rows()), 'SCHEMA_MISMATCH')
    const outline = await target.outline({ table: 't', mode: 'append', contract }, columns)
    expect(outline.drift?.some((line) => line.startsWith('more: '))).toBe(true)
    const receipt = await target.write({ table: 't', mode: 'append', contract }, rows())
    expect([receipt.rowsSent, receipt.rowsCounted, receipt.changes?.rejected]).toEqual([
      2,
      expected.rows,
      expected.rejected,
    ])
    const found = await to.rows('SHOW COLUMNS FROM t')
    expect(found.map(([name]) => name)).toEqual(expected.added ? ['id', 'name', 'more'] : ['id', 'name'])
    expect(found.map(([, type]) => type!.replace(/\(\d+\)/, ''))).toContain(contract === 'evolve' ? 'int' : 'smallint')
    if (contract === 'evolve') expect((await to.rows('SHOW CREATE TABLE t'))[0]![1]).toContain("COMMENT 'it''s'")
  })

  it.each([
    ['{"a": 1.10, "b": [0.1, -1e300, 18446744073709551615]}', true],
    ['12345678901234567890123', false],
    ['[0.12345678901234567890]', false],
    ['"12345678901234567890123 \\" 1.23456789012345678901"', true],
  ] as const)('knows which numbers MySQL would round in %s', (json, kept) => {
    expect(keepsNumbers(json)).toBe(kept)
  })
})
