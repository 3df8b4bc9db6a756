import { describe, expect, it } from 'vitest'
import { columnType } from '../../src/drivers/files/column-types.js'
import { folder, open, read } from './files-support.js'
import { failure } from './support.js'

/** type, text in the file, canonical cell; undefined: refused. */
const TEXTS: readonly (readonly [string, string, string | undefined])[] = [
  ['boolean', 'true', 't'],
  ['boolean', 'F', 'f'],
  ['boolean', '1', 't'],
  ['boolean', 'yes', undefined],
  ['int16', '-32768', '-32768'],
  ['int16', '32768', undefined],
  ['int32', '+007', '7'],
  ['int32', '-0', '0'],
  ['int32', '1.0', undefined],
  ['int64', '9223372036854775807', '9223372036854775807'],
  ['int64', '9223372036854775808', undefined],
  ['uint64', '18446744073709551615', '18446744073709551615'],
  ['uint64', '-1', undefined],
  [
    'decimal',
    '123456789012345678901234567890.123456789012345678900',
    '123456789012345678901234567890.123456789012345678900',
  ],
  ['decimal', '1.5e3', '1500'],
  ['decimal', '-12.5E-3', '-0.0125'],
  ['decimal', '.5', '0.5'],
  ['decimal', '-0.00', '0.00'],
  ['decimal', 'nan', 'NaN'],
  ['decimal', '-inf', '-Infinity'],
  ['decimal', '1e999999', undefined],
  ['decimal', '1,5', undefined],
  ['decimal', '', undefined],
  ['decimal(5,2)', '123.45', '123.45'],
  ['decimal(5,2)', '123.450', '123.45'],
  ['decimal(5,2)', '123.456', undefined],
  ['decimal(5,2)', '1234', undefined],
  ['decimal(3,5)', '0.00123', '0.00123'],
  ['decimal(3,5)', '0.01234', undefined],
  ['float64', '0.1000000000000000055', '0.1'],
  ['float64', '1e400', undefined],
  ['float64', '-0', '-0'],
  ['float64', 'Infinity', 'Infinity'],
  ['float32', '16777216', '16777216'],
  ['float32', '0.10000000149', '0.1'],
  ['text(3)', 'äöü', 'äöü'],
  ['text(3)', 'äöüß', undefined],
  ['bytes', '\\x00ff', '\u0000\ufffd'],
  ['bytes', '0', undefined],
  ['bytes', 'zz', undefined],
  ['bit(3)', '010', '010'],
  ['bit(3)', '01', undefined],
  ['date', '2024-02-29', '2024-02-29'],
  ['date', '2023-02-29', undefined],
  ['date', '0000-01-01', undefined],
  ['date', '0045-02-29 BC', '0045-02-29 BC'],
  ['date', 'infinity', 'infinity'],
  ['date', '31.01.2024', undefined],
  ['time', '23:59:59.5', '23:59:59.5'],
  ['time', '24:00:00', '24:00:00'],
  ['time', '24:00:01', undefined],
  ['time(3)', '10:00:00.1234', undefined],
  ['timestamp', '2024-01-31T10:00:00', '2024-01-31 10:00:00'],
  ['timestamp', '2024-01-31 10:00:00.123456', '2024-01-31 10:00:00.123456'],
  ['timestamp', '2024-01-31 10:00:00Z', undefined],
  ['timestamp(0)', '2024-01-31 10:00:00.5', undefined],
  ['timestamptz', '2024-01-31T10:00:00Z', '2024-01-31 10:00:00+00'],
  ['timestamptz', '2024-01-01 00:30:00.25+02:00', '2023-12-31 22:30:00.25+00'],
  ['timestamptz', '2024-02-28 23:30:00-0100', '2024-02-29 00:30:00+00'],
  ['timestamptz', '0001-01-01 00:00:00+01', '0001-12-31 23:00:00+00 BC'],
  ['timestamptz', '2024-01-31 10:00:00', undefined],
  ['timestamptz', '2024-01-31 25:00:00Z', undefined],
  ['interval', '-838:59:59', '-838:59:59'],
  ['interval', 'P1Y2M3DT4H5M6.5S', 'P1Y2M3DT4H5M6.5S'],
  ['interval', 'P', undefined],
  ['uuid', '00112233-4455-6677-8899-AABBCCDDEEFF', '00112233-4455-6677-8899-aabbccddeeff'],
  ['uuid', '0011223344556677', undefined],
  ['json', '{"a": 1.10}', '{"a": 1.10}'],
  ['json', '{a: 1}', undefined],
  ['array<text>', '{a,"b}"}', '{a,"b}"}'],
  ['array<text>', '{a}}', undefined],
]

// Broken once to see it fail: the check of the calendar (DAYS of 31), the sign of offsets, and the digits of a scale.
describe('declared types', () => {
  it.each(TEXTS)('%s %j → %j', async (type, text, cell) => {
    const content = `k,v\nx,"${text.replaceAll('"', '""')}"\n`
    const work = read(content, { columns: { v: type } })
    if (cell !== undefined) return expect(await work).toEqual([['x', cell]])
    const error = await failure(work, 'FILE_INVALID')
    expect(error.message).toBe(`The file cannot be read: row 1: column v is not ${columnType(type)?.kind}.`)
  })

  it('take bytes as base64 where the connection says so', async () => {
    expect(await read('v,w\nYWJj,x\n', { columns: { v: 'bytes' }, bytes: 'base64' })).toEqual([['abc', 'x']])
    await failure(read('v,w\nYWJ,x\n', { columns: { v: 'bytes' }, bytes: 'base64' }), 'FILE_INVALID')
  })

  it('may be those of one table', async () => {
    const root = folder({ 'a.csv': 'id,v\n1,2\n', 'b.csv': 'id,v\nx,2\n' })
    const session = await open(root, { columns: { id: 'int64', 'b.id': 'text', 'a.v': 'int16' } })
    const types = async (table: string) => (await session.describe({ table })).columns.map(({ type }) => type.kind)
    expect(await types('a')).toEqual(['int64', 'int16'])
    expect(await types('b')).toEqual(['text', 'text'])
    const misspelt = await open(root, { columns: { 'a.idd': 'int64' } })
    const error = await failure(misspelt.describe({ table: 'a' }), 'COLUMN_NOT_FOUND')
    expect(error.message).toContain('columns.idd')
    await failure(open(root, { columns: { id: 'integre' } }), 'CONFIG_INVALID')
  })
})

describe('inferred types', () => {
  const content = (last: string) =>
    `i,d,m,b,t,z,u,c,s,n\n1,2024-01-31,1.50,true,2024-01-31 10:00:00,2024-01-31T10:00:00Z,00112233-4455-6677-8899-aabbccddeeff,007,x,\n${last}`

  it('are off unless they are asked for', async () => {
    const session = await open(folder({ 't.csv': content('') }))
    const { columns } = await session.describe({ table: 't' })
    expect(new Set(columns.map(({ type }) => type.kind))).toEqual(new Set(['text']))
  })

  it('come from the first rows, and a value that does not fit later is an error', async () => {
    const good = '-2,,3,false,,,,1,y,\n'
    const root = folder({ 't.csv': content(good) })
    const session = await open(root, { infer: true })
    const { columns } = await session.describe({ table: 't' })
    expect(columns.map(({ type }) => type.kind)).toEqual([
      'int64',
      'date',
      'decimal',
      'boolean',
      'timestamp',
      'timestamptz',
      'uuid',
      'text',
      'text',
      'text',
    ])
    const error = await failure(
      read(content(`${good}x,,3,false,,,,1,y,\n`), { infer: true, infer_rows: 2 }),
      'FILE_INVALID',
    )
    expect(error.message).toContain('row 3: column i is not int64')
  })
})
