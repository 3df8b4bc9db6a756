import { describe, expect, it } from 'vitest'
import { type FilesSettings, folder, open, read, rowsOf } from './files-support.js'
import { failure } from './support.js'

const jsonl = (content: string | Uint8Array, settings: FilesSettings = {}) =>
  read(content, { format: 'jsonl', ...settings })

async function kinds(content: string, settings: FilesSettings = {}): Promise<string[]> {
  const session = await open(folder({ 't.jsonl': content }), { format: 'jsonl', ...settings })
  return (await session.describe({ table: 't' })).columns.map(({ name, type }) => `${name}: ${type.kind}`)
}

// Broken once to see it fail: the check for a second value of one key, isExpected (numbers as text), and the number grammar.
describe('JSONL as it is read', () => {
  it('keeps every digit of numbers, and nested values as their text', async () => {
    const content = '{"n":12345678901234567890123,"d":-0.10,"j":{"a": [1.10, "x\\u0041"]},"b":true,"s":"a\\n\\u00e9"}\n'
    expect(await jsonl(content)).toEqual([
      ['12345678901234567890123', '-0.10', '{"a": [1.10, "x\\u0041"]}', 't', 'a\né'],
    ])
    expect(await kinds(content)).toEqual(['n: decimal', 'd: decimal', 'j: json', 'b: boolean', 's: text'])
  })

  it('takes keys in any order, blanks, escaped keys, CRLF, a byte order mark, and a missing key for NULL', async () => {
    const content = '\ufeff{"a":1,"b":"x"}\r\n { "b" : "y" , "\\u0061" : 2 } \r\n{"b":null}\n{}'
    expect(await jsonl(content)).toEqual([
      ['1', 'x'],
      ['2', 'y'],
      [null, null],
      [null, null],
    ])
  })

  it('keeps the notation of a key with values of several kinds', async () => {
    const content = '{"v":1}\n{"v":"1"}\n{"v":[1]}\n{"v":"q\\"q"}\n{"v":true}\n'
    expect(await kinds(content)).toEqual(['v: json'])
    expect(await jsonl(content)).toEqual([['1'], ['"1"'], ['[1]'], ['"q\\"q"'], ['true']])
  })

  it('knows the words for numbers that JSON cannot write', async () => {
    const content = '{"v":1.5}\n{"v":"NaN"}\n{"v":"-Infinity"}\n'
    expect(await kinds(content)).toEqual(['v: decimal'])
    expect(await jsonl(content)).toEqual([['1.5'], ['NaN'], ['-Infinity']])
  })

  it('gives declared columns their types, also from text, and knows their keys in advance', async () => {
    const settings = { columns: { id: 'int64', at: 'timestamptz', late: 'text', raw: 'json' }, infer_rows: 1 }
    const content = '{"id":"7","at":"2024-01-31T10:00:00.5Z"}\n{"id":8,"late":9,"raw":"x"}\n'
    expect(await jsonl(content, settings)).toEqual([
      ['7', '2024-01-31 10:00:00.5+00', null, null],
      ['8', null, '9', '"x"'],
    ])
    expect(await jsonl('', { columns: { id: 'int64' } })).toEqual([])
  })

  it('infers more where it is asked to', async () => {
    const content = '{"i":1,"f":1e3,"d":"2024-01-31","s":"12"}\n'
    expect(await kinds(content, { infer: true })).toEqual(['i: int64', 'f: float64', 'd: date', 's: text'])
  })

  it.each([
    ['[1]\n', 'row 1: it is not one JSON object'],
    ['{"a":1}\n\n', 'row 2: it is not one JSON object'],
    ['{"a":1} {"a":2}\n', 'row 1: it is not one JSON object'],
    ['{"a":1,"a":2}\n', 'row 1: a key stands in it twice'],
    ['{"a":01}\n', 'row 1: a value is not JSON'],
    ['{"a":1.}\n', 'row 1: a value is not JSON'],
    ['{"a":{"b":}}\n', 'row 1: a value is not JSON'],
    ['{"a":"x\ty"}\n', 'row 1: a value is not JSON'],
    ['{"a":nul}\n', 'row 1: a value is not JSON'],
    ['{"a":1\n', 'row 1: it is not one JSON object'],
    ['', 'it is empty, and nothing says what its columns are'],
  ])('refuses %j: %s', async (content, problem) => {
    const error = await failure(jsonl(content), 'FILE_INVALID')
    expect(error.message).toBe(`The file cannot be read: ${problem}.`)
  })

  it('refuses later rows that the first ones do not prepare for', async () => {
    const settings = { infer_rows: 1 }
    const message = async (content: string) => (await failure(jsonl(content, settings), 'FILE_INVALID')).message
    expect(await message('{"a":1}\n{"b":1}\n')).toContain('row 2: it has a key that the first rows do not have')
    expect(await message('{"a":1}\n{"a":"1"}\n')).toContain('row 2: column a is not decimal')
    expect(await message('{"a":"1"}\n{"a":1}\n')).toContain('row 2: column a is not text')
    expect(await message('{"a":true}\n{"a":"t"}\n')).toContain('row 2: column a is not boolean')
    expect(await message('{"a":"x"}\n{"a":"\\ud800"}\n')).toContain('row 2: column a is not text')
    expect(await message('{"a":"x"}\n{"a":[]}\n')).toContain('row 2: column a is not text')
    const error = await failure(jsonl(Buffer.from('{"a":"x"}\n{"a":"\xff"}\n', 'latin1'), settings), 'FILE_INVALID')
    expect(error.message).toContain('row 2: the text is not UTF-8')
  })

  it('reads a line over many chunks, and refuses one beyond the limit', async () => {
    const content = `{"a":"${'x'.repeat(1_200_000)}"}\n{"a":"y"}\n`
    expect((await jsonl(content)).map(([text]) => text?.length)).toEqual([1_200_000, 1])
    await failure(jsonl(content, { max_row_bytes: 1_000_000 }), 'ROW_TOO_LARGE')
  })

  it('takes some columns', async () => {
    const session = await open(folder({ 't.jsonl': '{"a":1,"b":2,"c":3}\n' }), { format: 'jsonl' })
    expect(await rowsOf(session, { table: 't', select: ['c', 'a'] })).toEqual([['3', '1']])
  })
})
