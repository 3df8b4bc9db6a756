import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { TestDatabase } from '../../src/testing/index.js'
import { describeWith } from '../setup/engines.js'
import { failure, open } from './support.js'

interface PolicyCase {
  readonly title: string
  readonly ddl: string
  readonly values: readonly string[]
  readonly policies: Readonly<Record<string, string>>
  readonly type: string
  readonly golden: readonly (string | null)[]
  readonly read?: string
  /** Counters of the source, then of the target. */
  readonly counts?: readonly [Record<string, number>, Record<string, number>]
}

const ZERO_DATES = ["'0000-00-00'", "'2025-00-15'", "'0000-11-30'", "'2024-02-29'", 'NULL']
const counted = { zero_dates: 1, partial_zero_dates: 2 }

const cases: readonly PolicyCase[] = [
  {
    title: 'zero_dates null',
    ddl: 'DATE',
    values: ZERO_DATES,
    policies: {},
    type: 'date',
    golden: [null, null, null, '2024-02-29', null],
    counts: [counted, {}],
  },
  {
    title: 'zero_dates epoch',
    ddl: 'DATE',
    values: ZERO_DATES,
    policies: { zero_dates: 'epoch' },
    type: 'date',
    golden: ['1970-01-01', '1970-01-01', '1970-01-01', '2024-02-29', null],
    counts: [counted, {}],
  },
  {
    title: 'zero_dates epoch, required and with a fraction',
    ddl: "DATETIME(6) NOT NULL DEFAULT '0000-00-00 00:00:00'",
    values: ['DEFAULT', "'2024-02-29 01:02:03.000004'"],
    policies: { zero_dates: 'epoch' },
    type: 'timestamp(6) without time zone',
    golden: ['1970-01-01 00:00:00', '2024-02-29 01:02:03.000004'],
    counts: [{ zero_dates: 1 }, {}],
  },
  {
    title: 'zero_dates epoch of a timestamp',
    ddl: 'TIMESTAMP NULL',
    values: ["'0000-00-00 00:00:00'"],
    policies: { zero_dates: 'epoch' },
    type: 'timestamp(0) with time zone',
    golden: ['0'],
    read: 'extract(epoch FROM v)::int::text',
    counts: [{ zero_dates: 1 }, {}],
  },
  {
    title: 'zero_dates text',
    ddl: 'DATE',
    values: ZERO_DATES,
    policies: { zero_dates: 'text' },
    type: 'text',
    golden: ['0000-00-00', '2025-00-15', '0000-11-30', '2024-02-29', null],
  },
  {
    title: 'tinyint1 boolean',
    ddl: 'TINYINT(1)',
    values: ['0', '1', 'NULL'],
    policies: { tinyint1: 'boolean' },
    type: 'boolean',
    golden: ['false', 'true', null],
  },
  {
    title: 'tinyint1 boolean leaves wider tinyint alone',
    ddl: 'TINYINT(4)',
    values: ['2'],
    policies: { tinyint1: 'boolean' },
    type: 'smallint',
    golden: ['2'],
  },
  {
    title: 'bit1 boolean',
    ddl: 'BIT(1)',
    values: ["b'0'", "b'1'", 'NULL'],
    policies: { bit1: 'boolean' },
    type: 'boolean',
    golden: ['false', 'true', null],
  },
  {
    title: 'time time',
    ddl: 'TIME(6)',
    values: ["'00:00:00'", "'23:59:59.999999'", "'24:00:00'"],
    policies: { time: 'time' },
    type: 'time(6) without time zone',
    golden: ['00:00:00', '23:59:59.999999', '24:00:00'],
  },
  {
    title: 'geometry wkt',
    ddl: 'GEOMETRY',
    values: ["ST_GeomFromText('POINT(1 2)', 3857)", 'NULL'],
    policies: { geometry: 'wkt' },
    type: 'text',
    golden: ['POINT(1 2)', null],
  },
  {
    title: 'json_as json',
    ddl: 'JSON',
    values: ['\'{"a": "x\\\\u0000y"}\'', "'[1]'"],
    policies: { json_as: 'json' },
    type: 'json',
    golden: ['{"a": "x\\u0000y"}', '[1]'],
  },
  {
    title: 'json_as text',
    ddl: 'JSON',
    values: ['\'{"a": "x\\\\u0000y"}\''],
    policies: { json_as: 'text' },
    type: 'text',
    golden: ['{"a": "x\\u0000y"}'],
  },
  {
    title: 'binary16 uuid',
    ddl: 'BINARY(16)',
    values: ["x'123E4567E89B12D3A456426614174000'", 'NULL'],
    policies: { binary16: 'uuid' },
    type: 'uuid',
    golden: ['123e4567-e89b-12d3-a456-426614174000', null],
  },
  {
    title: 'nul strip',
    ddl: 'TEXT',
    values: ["_utf8mb4 x'00610062'", "''"],
    policies: { nul: 'strip' },
    type: 'text',
    golden: ['ab', ''],
    counts: [{}, { nul_bytes: 2 }],
  },
  {
    title: 'nul replace',
    ddl: 'TEXT',
    values: ["_utf8mb4 x'00610062'"],
    policies: { nul: 'replace' },
    type: 'text',
    golden: ['?a?b'],
    counts: [{}, { nul_bytes: 2 }],
  },
  {
    title: 'nul strip in jsonb',
    ddl: 'JSON',
    values: ['\'["\\\\u0000", "\\\\\\\\u0000"]\''],
    policies: {},
    type: 'jsonb',
    golden: ['["", "\\\\u0000"]'],
    counts: [{}, { nul_bytes: 1 }],
  },
]

const refused = [
  { title: 'zero_dates', ddl: 'DATE', value: "'0000-00-00'", policies: { zero_dates: 'error' } },
  {
    title: 'zero_dates of a partial date',
    ddl: 'DATETIME',
    value: "'2025-06-00 00:00:00'",
    policies: { zero_dates: 'error' },
  },
  { title: 'a tinyint(1) of 2', ddl: 'TINYINT(1)', value: '2', policies: { tinyint1: 'boolean' } },
  { title: 'a tinyint(1) of -1', ddl: 'TINYINT(1)', value: '-1', policies: { tinyint1: 'boolean' } },
  { title: 'a time beyond the day', ddl: 'TIME', value: "'24:00:01'", policies: { time: 'time' } },
  { title: 'a time of three digits', ddl: 'TIME', value: "'838:59:59'", policies: { time: 'time' } },
  { title: 'a negative time', ddl: 'TIME', value: "'-01:00:00'", policies: { time: 'time' } },
  { title: 'a NUL', ddl: 'TEXT', value: "_utf8mb4 x'6100'", policies: { nul: 'reject' } },
  { title: 'a NUL in jsonb', ddl: 'JSON', value: '\'"\\\\u0000"\'', policies: { nul: 'reject' } },
] as const

describeWith(['mysql', 'postgres'], 'policies of a MySQL source', (engines) => {
  let from: TestDatabase
  let to: TestDatabase
  beforeAll(async () => {
    from = await engines.mysql.createDatabase('policies')
    to = await engines.postgres.createDatabase('policies')
  })
  afterAll(() => Promise.all([from.drop(), to.drop()]))

  const fill = (ddl: string, values: readonly string[]) =>
    from.exec(`
      SET sql_mode = '', time_zone = '+00:00';
      DROP TABLE IF EXISTS t;
      CREATE TABLE t (id INT NOT NULL PRIMARY KEY, v ${ddl});
      INSERT INTO t (id, v) VALUES ${values.map((value, row) => `(${row + 1}, ${value})`).join(', ')}`)

  describe('each choice', () => {
    it.each(cases)('$title', async ({ ddl, values, policies, type, golden, read, counts }) => {
      await fill(ddl, values)
      await to.exec('DROP TABLE IF EXISTS t')
      await using source = await open(engines.mysql, from)
      await using target = await open(engines.postgres, to)
      const extraction = source.extract({ table: 't', policies })
      const receipt = await target.write({ table: 't', mode: 'append', policies }, extraction)
      expect(await to.rows(`SELECT ${read ?? 'v::text'} FROM t ORDER BY id`)).toEqual(golden.map((value) => [value]))
      const [[found]] = (await to.rows(
        `SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 't'::regclass AND attname = 'v'`,
      )) as [[string]]
      expect(found).toBe(type)
      expect([extraction.policyCounts, receipt.policyCounts]).toEqual(counts ?? [{}, {}])
    })
  })

  describe('what is refused', () => {
    it.each(refused)(
      '$title: the column is named, the value is not, nothing remains',
      async ({ ddl, value, policies }) => {
        await fill(ddl, ['NULL', value])
        await to.exec('DROP TABLE IF EXISTS t')
        await using source = await open(engines.mysql, from)
        await using target = await open(engines.postgres, to)
        const error = await failure(
          target.write({ table: 't', mode: 'append', policies }, source.extract({ table: 't', policies })),
          'VALUE_POLICY',
        )
        expect(error.message).toBe('A value of v has no equal in the target, and its policy is `error`.')
        expect(await to.rows("SELECT to_regclass('t')::text")).toEqual([[null]])
        // Both sessions go on.
        await source.ping()
        await target.ping()
      },
    )

    it('a choice that the policy does not have, before anything is read', async () => {
      await fill('INT', ['1'])
      await using source = await open(engines.mysql, from)
      const error = await failure(source.describe({ table: 't', policies: { zero_dates: 'nil' } }), 'CONFIG_INVALID')
      expect(error.message).toContain('policies.zero_dates: the choices are null, error, epoch, text')
      await using target = await open(engines.postgres, to)
      const plan = { table: 'unused', mode: 'append', policies: { nul: 'keep' } } as const
      await failure(target.write(plan, source.extract({ table: 't' })), 'CONFIG_INVALID')
      expect(await to.rows("SELECT to_regclass('unused')::text")).toEqual([[null]])
    })
  })
})
