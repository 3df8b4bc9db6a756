import fc from 'fast-check'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Column } from '../../src/core/batch.js'
import { defineDriver } from '../../src/core/define-driver.js'
import type { ManagedSession } from '../../src/core/managed-session.js'
import { postgresSpecReading } from '../../src/drivers/postgres/index.js'
import { binaryForms } from '../../src/drivers/postgres/write/binary/form-of.js'
import { CopyBinaryEncoder } from '../../src/drivers/postgres/write/copy-binary-encoder.js'
import { postgresPolicies } from '../../src/drivers/postgres/write/policies.js'
import type { TestDatabase } from '../../src/testing/index.js'
import { describeWith } from '../setup/engines.js'
import { batches, batchOf, type Cell, column } from './rows.js'
import { failure, settings } from './support.js'

interface Case {
  readonly column: Column
  readonly ddl: string
  readonly extremes: readonly Cell[]
  readonly any: fc.Arbitrary<Cell>
}

const pad = (value: number | bigint, width: number) => String(value).padStart(width, '0')
const whole = (bits: bigint): fc.Arbitrary<Cell> => {
  const most = 2n ** (bits - 1n) - 1n
  return fc.oneof(fc.bigInt({ min: -most - 1n, max: most }), fc.bigInt({ min: -99n, max: 99n })).map(String)
}
const bounds = (bits: bigint) => [String(-(2n ** (bits - 1n))), String(2n ** (bits - 1n) - 1n), '0', '-1', '10000']
/** The shortest text of a double as Postgres and MySQL write it. */
const double = (value: number) =>
  Object.is(value, -0)
    ? '-0'
    : String(value)
        .replace(/e\+?(-?)(\d)$/, 'e$10$2')
        .replace(/e(\d)/, 'e+$1')
/** The shortest text that reads as this float4. */
const single = (value: number): string => {
  for (let digits = 1; digits < 9; digits++) {
    if (Math.fround(Number(value.toPrecision(digits))) === value) return double(Number(value.toPrecision(digits)))
  }
  return double(Number(value.toPrecision(9)))
}
const decimal = (digits: number, scale: number): fc.Arbitrary<Cell> =>
  fc
    .tuple(fc.boolean(), fc.bigInt({ min: 0n, max: 10n ** BigInt(digits) - 1n }), fc.integer({ min: 0, max: scale }))
    .map(([minus, value, places]) => {
      const text = pad(value, places + 1)
      return `${minus ? '-' : ''}${text.slice(0, text.length - places)}${places === 0 ? '' : `.${text.slice(-places)}`}`
    })
const day = fc
  .date({ min: new Date('0001-01-01T00:00:00Z'), max: new Date('9999-12-31T00:00:00Z'), noInvalidDate: true })
  .map((date) => date.toISOString().slice(0, 10))
const clock = fc
  .tuple(fc.nat(86_399), fc.option(fc.tuple(fc.nat(999_999), fc.integer({ min: 1, max: 6 }))))
  .map(([seconds, fraction]) => {
    const text = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60]
      .map((n) => pad(n, 2))
      .join(':')
    return fraction === null ? text : `${text}.${pad(fraction[0], 6).slice(0, fraction[1])}`
  })
/** The shortest text of a float4 may lie halfway between two of them: which one is meant is left to the server, in text. */
const isNearest = (text: string) => {
  const [value, nearest] = [Number(text), Math.fround(Number(text))]
  const other = 2 * value - nearest
  return value === nearest || Math.fround(other) !== other
}
const stamp = fc.tuple(day, clock).map((parts) => parts.join(' '))
const uuid = fc.uuid()
const words = fc.string({ unit: 'binary', maxLength: 60 }).map((text) => text.replaceAll('\0', ''))
const json = fc.json().filter((text) => !text.includes('\\u'))
const one = (name: string, kind: Column['type'], ddl: string, any: fc.Arbitrary<Cell>, ...extremes: Cell[]): Case => ({
  ...{ column: column(name, kind), ddl, any, extremes },
})

const DAYS = ['0001-01-01', '9999-12-31', '2024-02-29', '1900-02-28', '2000-02-29', '1999-12-31', '2000-01-01']
const STAMPS = [
  '294276-12-31 23:59:59.999999',
  '0044-03-15 12:00:00 BC',
  '4714-11-24 00:00:00 BC',
  '2000-01-01 00:00:00',
  '1999-12-31 23:59:59.999999',
  '2285-06-05 23:47:34.740993',
]
const FLOATS = ['NaN', 'Infinity', '-Infinity', '-0', '0', '0.0', '1e+300', '1e+22', '1e-07']

const CASES: readonly Case[] = [
  one('a_bool', { kind: 'boolean' }, 'boolean', fc.constantFrom('t', 'f')),
  one('a_int2', { kind: 'int16' }, 'smallint', whole(16n), ...bounds(16n)),
  one('a_int4', { kind: 'int32' }, 'integer', whole(32n), ...bounds(32n)),
  one(
    'a_int8',
    { kind: 'int64' },
    'bigint',
    whole(64n),
    ...bounds(64n),
    '9007199254740993',
    '-1000000000',
    '4294967296',
  ),
  one(
    'a_uint8',
    { kind: 'uint64' },
    'numeric(20,0)',
    fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map(String),
    '18446744073709551615',
  ),
  one('a_narrow', { kind: 'int64' }, 'integer', whole(32n), ...bounds(32n)),
  one(
    'a_num',
    { kind: 'decimal' },
    'numeric',
    decimal(100, 60),
    'NaN',
    '0',
    '-0.00',
    '0.0000',
    '9'.repeat(100),
    `0.${'0'.repeat(40)}1`,
    '1.50',
    '10000',
    '00012.5',
    `${'1'.repeat(200)}.${'9'.repeat(50)}`,
  ),
  one(
    'a_round',
    { kind: 'decimal', precision: 12, scale: 2 },
    'numeric(12,2)',
    decimal(9, 2),
    '9999999999.99',
    '-0.01',
  ),
  one(
    'a_real',
    { kind: 'float32' },
    'real',
    fc.float({ noNaN: true }).map(single).filter(isNearest),
    ...FLOATS.slice(0, 6),
    '3.4028235e+38',
    '1e-45',
    '1.1754944e-38',
    '0.1',
  ),
  one(
    'a_double',
    { kind: 'float64' },
    'double precision',
    fc.double({ noNaN: true }).map(double),
    ...FLOATS,
    '5e-324',
    '2.2250738585072014e-308',
    '1.7976931348623157e+308',
    '0.30000000000000004',
  ),
  one(
    'a_widened',
    { kind: 'float32' },
    'double precision',
    fc.float({ noNaN: true }).map(single).filter(isNearest),
    '0.1',
  ),
  one('a_text', { kind: 'text' }, 'text', words, '', '\\N', '\\.', 'tab\t nl\n cr\r \\ 😀', 'x'.repeat(1_000_000)),
  one(
    'a_varchar',
    { kind: 'text', length: 9 },
    'varchar(9)',
    fc.string({ maxLength: 9 }),
    '',
    'ab   ',
    '123456789     ',
  ),
  one('a_char', { kind: 'text', length: 9 }, 'char(9)', fc.string({ maxLength: 9 }), '', 'ab   ', '123456789     '),
  one('a_json', { kind: 'json', storage: 'json' }, 'json', json, '{"b": 1,  "a": "x\\u0000y", "a": 1.10}'),
  one('a_jsonb', { kind: 'json' }, 'jsonb', json, '{"a": "x\\u0000y\\\\u0000", "n": 12345678901234567890123}'),
  one(
    'a_bytes',
    { kind: 'bytes' },
    'bytea',
    fc.uint8Array({ maxLength: 40 }),
    Uint8Array.from({ length: 256 }, (_, n) => n),
    new Uint8Array(0),
  ),
  one('a_uuid', { kind: 'uuid' }, 'uuid', uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'),
  one(
    'a_date',
    { kind: 'date' },
    'date',
    day,
    ...DAYS,
    'infinity',
    '-infinity',
    '0044-03-15 BC',
    '5874897-12-31',
    '4714-11-24 BC',
    '0001-02-29 BC',
  ),
  one('a_stamp', { kind: 'timestamp' }, 'timestamp', stamp, ...STAMPS, 'infinity', '-infinity'),
  one('a_stamp_day', { kind: 'date' }, 'timestamp', day, ...DAYS),
  one(
    'a_stamptz',
    { kind: 'timestamptz' },
    'timestamptz',
    stamp.map((text) => `${text}+00`),
    ...STAMPS.map((text) => text.replace(/(?= BC$)|(?<!BC)$/, '+00')),
    'infinity',
    '-infinity',
  ),
  one('a_stamptz_plain', { kind: 'timestamp' }, 'timestamptz', stamp, ...STAMPS),
  one('a_time', { kind: 'time' }, 'time', clock, '24:00:00', '00:00:00', '23:59:59.999999'),
]
const COLUMNS = [column('id', 'int32'), ...CASES.map((each) => each.column)]
const EXTREMES = Math.max(...CASES.map(({ extremes }) => extremes.length))

/** Every extreme once, then random rows; a row of NULLs at the end. */
function rowsOf(random: readonly (readonly Cell[])[]): readonly (readonly Cell[])[] {
  const first = Array.from({ length: EXTREMES }, (_, row) => CASES.map(({ extremes }) => extremes[row] ?? null))
  return [...first, ...random, CASES.map(() => null)].map((cells, row) => [String(row), ...cells])
}

const openBy = (writeBy: 'binary' | 'text') => defineDriver(postgresSpecReading({ readBy: 'copy', writeBy }))

describeWith(['postgres'], 'rows in COPY binary', ({ postgres: engine }) => {
  let to: TestDatabase
  beforeAll(async () => {
    to = await engine.createDatabase('binary')
    for (const name of ['by_text', 'by_binary'])
      await to.exec(`CREATE TABLE ${name} (id integer, ${CASES.map((c) => `${c.column.name} ${c.ddl}`).join(', ')})`)
  })
  afterAll(() => to.drop())

  it('are the same in the table as rows in COPY text, whatever their values', { timeout: 180_000 }, async () => {
    await using text = await openBy('text').open(settings(engine, to))
    await using binary = await openBy('binary').open(settings(engine, to))
    const types = new Map([['id', 'integer']])
    for (const [name, type] of await to.rows(
      `SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'by_binary'::regclass AND attnum > 0`,
    ))
      types.set(name!, type!)
    const forms = binaryForms(COLUMNS, ({ name }) => types.get(name))!
    const some = fc.array(fc.tuple(...CASES.map(({ any }) => fc.option(any, { freq: 9 }))), {
      minLength: 20,
      maxLength: 60,
    })
    await fc.assert(
      fc.asyncProperty(some, async (random) => {
        const rows = rowsOf(random)
        await to.exec('TRUNCATE by_text, by_binary')
        const byText = await text.write({ table: 'by_text', mode: 'append' }, batches(COLUMNS, rows))
        const byBinary = await binary.write({ table: 'by_binary', mode: 'append' }, batches(COLUMNS, rows))
        expect(byBinary).toMatchObject({ rowsCounted: rows.length, policyCounts: byText.policyCounts })
        // No row went as text: just these bytes were sent.
        const encoder = new CopyBinaryEncoder(COLUMNS, forms, postgresPolicies(), () => undefined)
        expect(encoder.encode(batchOf(COLUMNS, rows))).toBe(rows.length)
        encoder.end()
        expect(byBinary.bytesSent).toBe(encoder.bytesSent)
        for (const { name } of COLUMNS) {
          const read = (table: string) => `SELECT id, ${name}::text AS v FROM ${table}`
          const [a, b] = [read('by_text'), read('by_binary')]
          const differing = await to.rows(`(${a} EXCEPT ${b}) UNION ALL (${b} EXCEPT ${a}) ORDER BY 1 LIMIT 4`)
          expect({ name, differing }).toEqual({ name, differing: [] })
        }
      }),
      { numRuns: 6 },
    )
  })

  /** Cells that the server takes or refuses as text; what is in the table, or the error, is the same. */
  const ODD: readonly (readonly [Column['type'], string, string])[] = [
    ...(['x', '', '1.5', '2147483648', ' 7 ', '+7', '1e2', '-'] as const).map(
      (cell) => [{ kind: 'int32' }, 'integer', cell] as const,
    ),
    ...(['9223372036854775808', '-9223372036854775809', '0x10'] as const).map(
      (cell) => [{ kind: 'int64' }, 'bigint', cell] as const,
    ),
    ...(['32768', '-32769'] as const).map((cell) => [{ kind: 'int16' }, 'smallint', cell] as const),
    ...(['1e5', '.5', '5.', '12345.678', 'Infinity', '1.2.3', 'nan', '99999999999'] as const).map(
      (cell) => [{ kind: 'decimal' }, 'numeric(12,2)', cell] as const,
    ),
    ...(['1e400', '1e-400', ' 1', 'inf', '', ' ', '1x'] as const).map(
      (cell) => [{ kind: 'float64' }, 'double precision', cell] as const,
    ),
    ...(['3.5e38', '1e-60', '16777217', '1.00000005960464477540', '7e-46'] as const).map(
      (cell) => [{ kind: 'float32' }, 'real', cell] as const,
    ),
    ...(['true', '1', 'maybe', 'T'] as const).map((cell) => [{ kind: 'boolean' }, 'boolean', cell] as const),
    ...(['2023-02-29', '0000-01-01', '5874898-01-01', '2024-1-2', '20240102', 'now!', '4714-11-23 BC'] as const).map(
      (cell) => [{ kind: 'date' }, 'date', cell] as const,
    ),
    ...(
      [
        '294277-01-01 00:00:00',
        '2024-01-01 24:00:00',
        '2024-01-01 23:59:60',
        '2024-01-01 00:00:00.1234567',
        '2024-01-01T10:00:00',
        '2024-01-01 25:00:00',
      ] as const
    ).map((cell) => [{ kind: 'timestamp' }, 'timestamp', cell] as const),
    ...(['2024-01-01 00:00:00+02', '2024-01-01 00:00:00Z'] as const).map(
      (cell) => [{ kind: 'timestamptz' }, 'timestamptz', cell] as const,
    ),
    ...(['24:00:01', '12:00', '1:02:03', '23:59:59.9999999'] as const).map(
      (cell) => [{ kind: 'time' }, 'time', cell] as const,
    ),
    ...(
      [
        '{00000000-0000-0000-0000-000000000001}',
        '00000000-0000-0000-0000-00000000000G',
        'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11',
      ] as const
    ).map((cell) => [{ kind: 'uuid' }, 'uuid', cell] as const),
    [{ kind: 'text' }, 'varchar(3)', 'abcd'],
    [{ kind: 'text' }, 'char(3)', 'abcd'],
    [{ kind: 'json', storage: 'json' }, 'json', '{'],
    [{ kind: 'json' }, 'jsonb', '{"a":}'],
    [{ kind: 'json', storage: 'json' }, 'jsonb', '"\\u0000"'],
  ]

  it('that are not canonical are taken, or refused with the same error, as in COPY text', async () => {
    await using text = await openBy('text').open(settings(engine, to))
    await using binary = await openBy('binary').open(settings(engine, to))
    const outcome = async (session: ManagedSession, type: Column['type'], ddl: string, cell: string) => {
      await to.exec(`DROP TABLE IF EXISTS odd; CREATE TABLE odd (id text, v ${ddl})`)
      const columns = [column('id', 'text'), column('v', type)]
      const rows = ['1', '2', '3', '4'].map((id) => [id, id === '2' ? cell : null])
      try {
        const receipt = await session.write(
          { table: 'odd', mode: 'append' },
          batches(columns, rows.slice(0, 3), rows.slice(3)),
        )
        expect(receipt).toMatchObject({ rowsSent: 4, rowsConfirmed: 4, rowsCounted: 4 })
        return await to.rows('SELECT id, v::text FROM odd ORDER BY id')
      } catch (error) {
        const { code, origin } = await failure(Promise.reject(error))
        expect(await to.rows('SELECT count(*) FROM odd')).toEqual([['0']])
        return { code, origin }
      }
    }
    for (const [type, ddl, cell] of ODD) {
      const expected = await outcome(text, type, ddl, cell)
      expect([ddl, cell, await outcome(binary, type, ddl, cell)]).toEqual([ddl, cell, expected])
    }
  })

  it('go as text into domains, enumerations and arrays, and into types of another meaning', () => {
    const form = (type: Column['type'], target: string) => binaryForms([column('v', type)], () => target)
    expect(form({ kind: 'int32' }, 'positive')).toBeUndefined()
    expect(form({ kind: 'text' }, 'mood')).toBeUndefined()
    expect(form({ kind: 'text' }, 'name')).toBeUndefined()
    expect(form({ kind: 'int32' }, 'integer[]')).toBeUndefined()
    expect(form({ kind: 'timestamptz' }, 'timestamp(6) without time zone')).toBeUndefined()
    expect(form({ kind: 'bytes' }, 'text')).toBeUndefined()
    expect(form({ kind: 'text' }, 'integer')).toBeUndefined()
    expect(form({ kind: 'text' }, 'toString')).toBeUndefined()
    // Nothing but integers: text is as fast.
    expect(form({ kind: 'int32' }, 'integer')).toBeUndefined()
    expect(form({ kind: 'int32' }, 'numeric(12,2)')).toBeDefined()
  })
})
