import type { Column } from '../../src/core/batch.js'
import { type Cell, column } from './rows.js'

/** One column that is written and read back with the driver's own extractor. */
export interface WriteCase {
  readonly column: Column
  /** The type that a new table gets. */
  readonly type: string
  readonly values: readonly Cell[]
  /** What comes back, where it is not what went in. */
  readonly back?: readonly Cell[]
}

const bytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))
const invalidUtf8 = Buffer.from([0xff, 0xfe, 0xc3, 0x28, 0xf0, 0x5c, 0x27, 0x09])
const decimal = (precision: number, scale: number) => ({ kind: 'decimal', precision, scale }) as const
const long = 'ж'.repeat(70_000)

/** Every logical type with the values that systems like to change. */
export const WRITE_CASES: readonly WriteCase[] = [
  { column: column('flag', 'boolean'), type: 'tinyint(1)', values: ['t', 'f'], back: ['1', '0'] },
  { column: column('small', 'int16'), type: 'smallint', values: ['-32768', '32767', '0'] },
  { column: column('whole', 'int32'), type: 'int', values: ['-2147483648', '2147483647'] },
  {
    column: column('big', 'int64'),
    type: 'bigint',
    values: ['-9223372036854775808', '9223372036854775807', '-9007199254740993'],
  },
  {
    column: column('huge', 'uint64'),
    type: 'bigint unsigned',
    values: ['18446744073709551615', '9223372036854775808', '0'],
  },
  {
    column: column('amount', decimal(18, 6)),
    type: 'decimal(18,6)',
    values: ['-123456789012.123456', '0.1', '5'],
    back: ['-123456789012.123456', '0.100000', '5.000000'],
  },
  {
    column: column('extreme', decimal(65, 30)),
    type: 'decimal(65,30)',
    values: [`${'9'.repeat(35)}.${'9'.repeat(30)}`, `-${'9'.repeat(35)}.${'0'.repeat(29)}1`],
  },
  {
    column: column('free', { kind: 'decimal' }),
    type: 'decimal(65,30)',
    values: ['12345678901234567890.123456789', '1.50', '-0.5'],
    back: [`12345678901234567890.123456789${'0'.repeat(21)}`, `1.5${'0'.repeat(29)}`, `-0.5${'0'.repeat(29)}`],
  },
  { column: column('thousands', decimal(2, -3)), type: 'decimal(5,0)', values: ['12000', '-99000'] },
  { column: column('tiny', decimal(3, 5)), type: 'decimal(5,5)', values: ['0.00123', '-0.00999'] },
  {
    column: column('single', 'float32'),
    type: 'double',
    values: ['16777216', '8388607.5', '0.1', '1e-45'],
    back: ['16777216', '8388607.5', '0.1', '1e-45'],
  },
  {
    column: column('dble', 'float64'),
    type: 'double',
    values: ['0.1', '1.7976931348623157e308', '5e-324', '123456789.123456789'],
    back: ['0.1', '1.7976931348623157e308', '5e-324', '123456789.12345679'],
  },
  {
    column: column('body', 'text'),
    type: 'longtext',
    values: [
      '',
      '\\N',
      '\\.',
      'NULL',
      'tab\t\'quote\' "double" \\back\\',
      'a\nb\r\nc\u001a',
      'ж€𝄞',
      'nul\0nul',
      long,
      'end\\',
    ],
  },
  {
    column: column('name', { kind: 'text', length: 5 }),
    type: 'varchar(5)',
    values: ['a', 'A', 'á', 'a ', 'abc  ', 'жж€𝄞𝄞', ''],
  },
  {
    column: column('padded', { kind: 'text', length: 4 }, { sourceType: 'character(4)' }),
    type: 'char(4)',
    values: ['ab  ', 'abcd'],
    back: ['ab', 'abcd'],
  },
  { column: column('raw', 'bytes'), type: 'longblob', values: [bytes, invalidUtf8, Buffer.alloc(0)] },
  { column: column('bits', { kind: 'bit', length: 12 }), type: 'bit(12)', values: ['100000000001', '000000000000'] },
  {
    column: column('word', { kind: 'bit', length: 64 }),
    type: 'bit(64)',
    values: ['1'.repeat(64), `${'0'.repeat(63)}1`],
  },
  { column: column('wide', { kind: 'bit', length: 70 }), type: 'varchar(70)', values: ['10'.repeat(35)] },
  { column: column('day', 'date'), type: 'date', values: ['0001-01-01', '9999-12-31', '2024-02-29'] },
  {
    column: column('clock', 'time'),
    type: 'time(6)',
    values: ['23:59:59.999999', '00:00:00', '24:00:00', '01:02:03.5'],
    back: ['23:59:59.999999', '00:00:00.000000', '24:00:00.000000', '01:02:03.500000'],
  },
  { column: column('clock0', { kind: 'time', precision: 0 }), type: 'time', values: ['23:59:59', '24:00:00'] },
  {
    column: column('moment', 'timestamp'),
    type: 'datetime(6)',
    values: ['0001-01-01 00:00:00', '9999-12-31 23:59:59.999999', '2024-03-10 02:30:00.1'],
    back: ['0001-01-01 00:00:00.000000', '9999-12-31 23:59:59.999999', '2024-03-10 02:30:00.100000'],
  },
  {
    column: column('moment3', { kind: 'timestamp', precision: 3 }),
    type: 'datetime(3)',
    values: ['2024-01-01 00:00:00.123', '2024-01-01 00:00:00.123000'],
    back: ['2024-01-01 00:00:00.123', '2024-01-01 00:00:00.123'],
  },
  {
    column: column('instant', 'timestamptz'),
    type: 'datetime(6)',
    values: ['2024-03-10 10:30:00.123456+00', '1901-01-01 00:00:00+00'],
    back: ['2024-03-10 10:30:00.123456', '1901-01-01 00:00:00.000000'],
  },
  {
    column: column('span', 'interval', { sourceType: 'interval' }),
    type: 'varchar(64)',
    values: ['P10M3DT-4H-5M-6.789S', 'PT0S', '-01:02:03'],
  },
  {
    column: column('mytime', 'interval', { sourceType: 'time(6)' }),
    type: 'time(6)',
    values: ['-838:59:59.000000', '838:59:59.000000', '00:00:00.000001'],
  },
  {
    column: column('uid', 'uuid'),
    type: 'char(36)',
    values: ['00112233-4455-6677-8899-aabbccddeeff', 'ffffffff-ffff-ffff-ffff-ffffffffffff'],
  },
  {
    column: column('doc', { kind: 'json', storage: 'jsonb' }),
    type: 'longtext',
    values: ['{"a": 1.10, "b": 12345678901234567890123}', 'null', '"x"', '{"a":1,"a":2}', '"\\u0000 \\\\ \\n"'],
  },
  {
    column: column('words', { kind: 'array', element: { kind: 'text' } }),
    type: 'longtext',
    values: ['{}', '{NULL,"NULL"}', '{{a,b},{"c,d","e\\"f\\\\"}}', '[0:1]={1,2}', '{ж€𝄞}'],
    back: ['[]', '[null,"NULL"]', '[["a","b"],["c,d","e\\"f\\\\"]]', '["1","2"]', '["ж€𝄞"]'],
  },
  {
    column: column('numbers', { kind: 'array', element: { kind: 'float64' } }),
    type: 'longtext',
    values: ['{1,-2.5,1e+20,NaN,Infinity,NULL}'],
    back: ['[1,-2.5,1e+20,"NaN","Infinity",null]'],
  },
  {
    column: column('truths', { kind: 'array', element: { kind: 'boolean' } }),
    type: 'longtext',
    values: ['{t,f,NULL}'],
    back: ['[true,false,null]'],
  },
  {
    column: column('boxes', { kind: 'array', element: { kind: 'text' } }, { sourceType: 'box[]' }),
    type: 'longtext',
    values: ['{(1,1),(0,0);(2,2),(1,1)}'],
    back: ['["(1,1),(0,0)","(2,2),(1,1)"]'],
  },
]

/** The cases as rows: as many as the longest list of values, and one of NULLs. */
export function caseRows(pick: (entry: WriteCase) => readonly Cell[]): readonly (readonly Cell[])[] {
  const height = Math.max(...WRITE_CASES.map(({ values }) => values.length)) + 1
  return Array.from({ length: height }, (_, row) => [
    String(row),
    ...WRITE_CASES.map((entry) => (row === height - 1 ? null : (pick(entry)[row % entry.values.length] ?? null))),
  ])
}
