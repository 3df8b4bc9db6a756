import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { Batch, Column } from '../../src/core/batch.js'
import { formatType, type LogicalType } from '../../src/core/column-type.js'
import { CsvDecoder } from '../../src/drivers/files/read/csv-decoder.js'
import { RecordFeed } from '../../src/drivers/files/read/record-feed.js'
import { cellsOf, type FilesSettings, folder, open } from './files-support.js'
import { batches, type Cell, column } from './rows.js'

const digits = (least: bigint, greatest: bigint) => fc.bigInt(least, greatest).map(String)
const two = (least: number, greatest: number) =>
  fc.integer({ min: least, max: greatest }).map((value) => String(value).padStart(2, '0'))
const day = fc
  .tuple(fc.integer({ min: 1, max: 9999 }), two(1, 12), two(1, 28))
  .map(([year, month, date]) => `${String(year).padStart(4, '0')}-${month}-${date}`)
const time = fc
  .tuple(two(0, 23), two(0, 59), two(0, 59), fc.constantFrom('', '.5', '.000001', '.120'))
  .map(([hours, minutes, seconds, fraction]) => `${hours}:${minutes}:${seconds}${fraction}`)
const decimal = fc
  .tuple(fc.boolean(), fc.bigInt(0n, 10n ** 30n), fc.constantFrom('', '.5', '.00', '.0000000000000000000001'))
  .map(([minus, whole, rest]) => `${minus && `${whole}${rest}`.match(/[1-9]/) ? '-' : ''}${whole}${rest}`)
/** Words that formats like to take for something else. */
const word = fc.constantFrom(
  '',
  '\\N',
  'NULL',
  'null',
  '"',
  '""',
  ',',
  '\n',
  '\r\n',
  '\r',
  '\t',
  "'",
  "'=",
  '=',
  '-',
  '@x',
  ' x ',
  '\ufeff',
  '\u0000',
  'ж€𝄞',
  '\\u0000',
  '\u2028',
)
const text = fc.oneof(
  word,
  fc.string({ unit: 'binary' }),
  fc.tuple(word, word).map(([a, b]) => a + b),
)

/** Canonical cells of each type. */
const TYPES: readonly (readonly [LogicalType, fc.Arbitrary<Cell>])[] = [
  [{ kind: 'text' }, text],
  [{ kind: 'boolean' }, fc.constantFrom('t', 'f')],
  [{ kind: 'int16' }, digits(-32768n, 32767n)],
  [{ kind: 'int64' }, digits(-(2n ** 63n), 2n ** 63n - 1n)],
  [{ kind: 'uint64' }, digits(0n, 2n ** 64n - 1n)],
  [{ kind: 'decimal' }, fc.oneof(decimal, fc.constantFrom('NaN', 'Infinity', '-Infinity'))],
  [{ kind: 'float64' }, fc.double().map((value) => (Object.is(value, -0) ? '-0' : String(value)))],
  [{ kind: 'float32' }, fc.constantFrom('0.1', '16777216', '3.4028235e+38', '-0', 'NaN', '1e-45')],
  [{ kind: 'bytes' }, fc.uint8Array({ maxLength: 20 })],
  [{ kind: 'bit', length: 3 }, fc.constantFrom('000', '101')],
  [
    { kind: 'date' },
    fc.oneof(day, fc.constantFrom('infinity', '-infinity', '0044-03-15 BC', '294276-12-31', '2024-02-29')),
  ],
  [{ kind: 'time' }, fc.oneof(time, fc.constant('24:00:00'))],
  [
    { kind: 'timestamp' },
    fc.oneof(
      fc.tuple(day, time).map((both) => both.join(' ')),
      fc.constant('infinity'),
    ),
  ],
  [
    { kind: 'timestamptz' },
    fc.oneof(
      fc.tuple(day, time).map((both) => `${both.join(' ')}+00`),
      fc.constant('0044-03-15 10:00:00+00 BC'),
    ),
  ],
  [{ kind: 'interval' }, fc.constantFrom('-838:59:59.000001', 'P1Y2M3DT4H5M6.7S', 'P10M3DT-4H-5M-6.789S', '00:00:00')],
  [{ kind: 'uuid' }, fc.uuid()],
  [{ kind: 'json', storage: 'json' }, fc.jsonValue({ maxDepth: 2 }).map((value) => JSON.stringify({ a: value }))],
  [
    { kind: 'array', element: { kind: 'text' } },
    fc.constantFrom('{}', '{NULL,"NULL"}', '{"a,b","c\\"}"}', '[0:1]={1,2}'),
  ],
]

const COLUMNS: readonly Column[] = TYPES.map(([type], index) => column(`c${index} "é`, type))
const DECLARED = Object.fromEntries(COLUMNS.map(({ name, type }) => [name, formatType(type)]))
const rows = fc.array(fc.tuple(...TYPES.map(([, cells]) => fc.option(cells, { freq: 6 }))), { maxLength: 12 })

const SETTINGS: readonly FilesSettings[] = [
  { format: 'csv' },
  { format: 'csv', null_value: '\\N', delimiter: ';', bytes: 'base64' },
  { format: 'csv', header: false, null_value: 'NULL', delimiter: '|' },
  { format: 'tsv', compression: 'gzip' },
  { format: 'jsonl' },
  { format: 'jsonl', compression: 'gzip', bytes: 'base64' },
]

async function cells(source: AsyncIterable<Batch>): Promise<(string | null)[][]> {
  const all: (string | null)[][] = []
  for await (const batch of source) {
    for (let row = 0; row < batch.rowCount; row++) {
      all.push(
        batch.columns.map((_, at) => {
          const cell = batch.cell(row, at)
          return cell === null ? null : Buffer.from(cell).toString('latin1')
        }),
      )
    }
  }
  return all
}

// Broken once to see it fail: the quotes around text like the null word, around empty text and around a byte order mark,
// joinQuotes, and control characters in JSON.
it.each(SETTINGS)('any cells are the same after a file of %j', async (settings) => {
  const session = await open(folder(), { ...settings, columns: DECLARED })
  await fc.assert(
    fc.asyncProperty(rows, fc.boolean(), async (list, append) => {
      const plan = { table: 't', policies: { formulas: 'keep' }, checksum: true } as const
      await session.write({ ...plan, mode: 'replace' }, batches(COLUMNS, list))
      if (append) await session.write({ ...plan, mode: 'append' }, batches(COLUMNS, list))
      const expected = await cells(batches(COLUMNS, append ? [...list, ...list] : list))
      expect(await cells(session.extract({ table: 't' }))).toEqual(expected)
    }),
    { numRuns: 60 },
  )
})

it('chunks may end anywhere', async () => {
  const config = { null_value: '', bytes: 'hex', unescape_formulas: false } as const
  const all = [column('a', 'text'), column('b', 'text')]
  const decode = (chunks: readonly Uint8Array[]): (string | null)[][] => {
    const found: (string | null)[][] = []
    const decoder = new CsvDecoder({
      columns: all.map((each, field) => ({ column: each, field, declared: false })),
      fields: ['a', 'b'],
      batchBytes: 64,
      config,
      delimiter: 0x2c,
      header: true,
      emit: (batch) => found.push(...cellsOf(batch)),
    })
    const feed = new RecordFeed(decoder, 1 << 20)
    for (const chunk of chunks) feed.push(Uint8Array.from(chunk))
    feed.end()
    decoder.flush(true)
    return found
  }
  const content = Buffer.from('\ufeffa,b\r\n"x ""ä"" y","line\r\n€"\r\n,""\r\n"",,z'.replace(',z', '\n𝄞,"\n""\n"'))
  const whole = decode([content])
  expect(whole).toHaveLength(4)
  await fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: content.length }), { maxLength: 8 }), (cuts) => {
      const at = [0, ...cuts.toSorted((a, b) => a - b), content.length]
      expect(decode(at.slice(1).map((end, index) => content.subarray(at[index], end)))).toEqual(whole)
    }),
    { numRuns: 300 },
  )
})
