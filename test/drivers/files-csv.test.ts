import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { folder, open, read, rowsOf } from './files-support.js'
import { everythingIn } from './leaks.js'
import { failure } from './support.js'

// Guards of this page that were broken once to see it fail: the order of NULL check and quotes (CsvDecoder.#row without
// `how === PLAIN`), the byte order mark, the width of rows, the UTF-8 check, the zeros over converted text, and RecordFeed's limit.
describe('CSV as it is read', () => {
  it('follows RFC 4180: quotes, separators and line breaks inside of quotes, LF and CRLF, a last line without one', async () => {
    expect(await read('a,b,c\r\n1,"x, ""y""",z\r\n2,"line\nline\r\nline",\n"3",,"q"')).toEqual([
      ['1', 'x, "y"', 'z'],
      ['2', 'line\nline\r\nline', null],
      ['3', null, 'q'],
    ])
  })

  it('tells NULL from empty text, and a null word from the same text in quotes', async () => {
    expect(await read('a,b\n,""\n')).toEqual([[null, '']])
    expect(await read('a,b,c,d\n\\N,"\\N",,""\n', { null_value: '\\N' })).toEqual([[null, '\\N', '', '']])
    expect(await read('a\n\n""\nx\n')).toEqual([[null], [''], ['x']])
  })

  it('takes a byte order mark off the file, and only there', async () => {
    expect(await read('\ufeffid,b\n1,\ufeffx\n', { columns: { id: 'int64' } })).toEqual([['1', '\ufeffx']])
    expect(await read('\ufeff1\n', { header: false, columns: { id: 'int64' } })).toEqual([['1']])
  })

  it('reads TSV, other separators, and files without a header', async () => {
    expect(await read('a\tb\n1\t"x\ty"\n', { format: 'tsv' })).toEqual([['1', 'x\ty']])
    expect(await read('a;b\n1,5;2\n', { delimiter: ';' })).toEqual([['1,5', '2']])
    const root = folder({ 't.csv': '1,x\n2,y\n' })
    const plain = await open(root, { header: false })
    expect((await plain.describe({ table: 't' })).columns.map(({ name }) => name)).toEqual(['column1', 'column2'])
    const named = await open(root, { header: false, columns: { id: 'int32', name: 'text' } })
    expect((await named.describe({ table: 't' })).columns.map(({ name, type }) => [name, type.kind])).toEqual([
      ['id', 'int32'],
      ['name', 'text'],
    ])
    expect(await rowsOf(named, { table: 't' })).toEqual([
      ['1', 'x'],
      ['2', 'y'],
    ])
  })

  it('takes the columns that were asked for, and nothing of the others', async () => {
    const session = await open(folder({ 't.csv': 'a,b,c\n1,secret,true\n2,"sec""ret",f\n' }), {
      columns: { c: 'boolean' },
    })
    expect(await rowsOf(session, { table: 't', select: ['c', 'a'] })).toEqual([
      ['t', '1'],
      ['f', '2'],
    ])
    for await (const batch of session.extract({ table: 't', select: ['-b'] })) {
      expect(Buffer.from(batch.data).toString()).not.toContain('ret')
    }
  })

  it('leaves no text of a masked value in the batch, whatever its notation was', async () => {
    const session = await open(folder({ 't.csv': 'id,n,t\n1,"se""cr""et",2024-01-31T23:59:58+02:00\n' }), {
      columns: { t: 'timestamptz' },
    })
    const masked = session.extract({ table: 't', mask: { n: 'redact', t: 'null' } })
    for await (const batch of masked) {
      const text = Buffer.from(batch.data).toString('latin1')
      for (const part of ['se', 'et', '2024', '21:59', '23:59']) expect(text).not.toContain(part)
    }
  })

  it.each([
    ['a,b\n1,2\n3\n', 'row 2: it has 1 fields instead of 2'],
    ['a,b\n1,2,3\n', 'row 1: it has 3 fields instead of 2'],
    ['a,b\n1,2\n\n', 'row 2: it has 1 fields instead of 2'],
    ['a,b\n1,"x\n', 'row 1: a quote is not closed'],
    ['a,b\n1,x"y\n', 'row 1: a quote stands inside of an unquoted field'],
    ['a,b\n1,"x"y\n', 'row 1: something follows a closing quote'],
    ['a,b\n1,x\r2,y\n', 'row 1: a carriage return has no line feed behind it'],
    ['a,a\n1,2\n', 'two columns of the header have the same name'],
    ['a,\n1,2\n', 'a column of the header has no name'],
    ['', 'it is empty, and nothing says what its columns are'],
    [Buffer.from('a\nok\n\xff\xfe\n', 'latin1'), 'row 2: the text is not UTF-8'],
    [Buffer.from('\xff\xfea\x00,\x00b\x00\n\x00', 'latin1'), 'the header is not UTF-8'],
  ])('refuses %j: %s', async (content, problem) => {
    const error = await failure(read(content), 'FILE_INVALID')
    expect(error.message).toBe(`The file cannot be read: ${problem}.`)
  })

  it('never says what stood in the file', async () => {
    for (const content of ['id,b\nsecretvalue,1\n', 'id,b\n1,secretvalue,\n', 'id,b\n1,secret"value\n']) {
      const error = await failure(read(content, { columns: { id: 'int64' } }), 'FILE_INVALID')
      expect(everythingIn(error)).not.toContain('secretvalue')
    }
  })

  it('refuses a row beyond the limit, and reads one just below it, over many chunks', async () => {
    const long = 'x'.repeat(1_500_000)
    const content = `a,b\n1,"${long}"\n2,y\n`
    expect((await read(content)).map(([id, text]) => [id, text?.length])).toEqual([
      ['1', 1_500_000],
      ['2', 1],
    ])
    await failure(read(content, { max_row_bytes: 1_000_000 }), 'ROW_TOO_LARGE')
    // A compressed file of a few hundred bytes that would unpack to one row of 64 MB.
    const root = folder({ 'bomb.csv.gz': gzipSync(Buffer.concat([Buffer.from('a\n"'), Buffer.alloc(1 << 26, 'x')])) })
    const before = process.memoryUsage().rss
    await failure(rowsOf(await open(root, { max_row_bytes: 1 << 20 }), { table: 'bomb' }), 'ROW_TOO_LARGE')
    expect(process.memoryUsage().rss - before).toBeLessThan(48 << 20)
  })

  it('reads gzip, several members too, and refuses what is cut, damaged or empty', async () => {
    const packed = gzipSync('a,b\n1,x\n')
    const root = folder({
      'good.csv.gz': Buffer.concat([packed, gzipSync('2,y\n')]),
      'cut.csv.gz': packed.subarray(0, packed.length - 6),
      'damaged.csv.gz': Buffer.from(packed.map((byte, at) => (at === 15 ? byte ^ 0xff : byte))),
      'none.csv.gz': '',
    })
    const session = await open(root)
    expect(await rowsOf(session, { table: 'good' })).toEqual([
      ['1', 'x'],
      ['2', 'y'],
    ])
    for (const table of ['cut', 'damaged', 'none']) {
      await failure(rowsOf(session, { table }), 'FILE_INVALID')
    }
  })

  it('reads zstd where Node has it, and says which Node has where it has not', async () => {
    const zlib = await import('node:zlib')
    const compress = (zlib as { zstdCompressSync?: (text: string) => Uint8Array }).zstdCompressSync
    const session = await open(folder({ 't.csv.zst': compress?.('a\n1\n') ?? 'whatever' }))
    if (compress !== undefined) return expect(await rowsOf(session, { table: 't' })).toEqual([['1']])
    const error = await failure(rowsOf(session, { table: 't' }), 'UNSUPPORTED')
    expect(error.message).toContain('Node 22.15')
  })
})
