import { describe, expect, it } from 'vitest'
import type { Batch, Column } from '../../src/core/batch.js'
import type { Extraction } from '../../src/core/driver.js'
import { BatchMasker, compileMasks, type MaskChoices, maskExtraction } from '../../src/core/mask-batches.js'
import { AirlockError } from '../../src/errors/index.js'
import { batchOf, type Cell, column } from '../drivers/rows.js'
import { canary, failure } from '../drivers/support.js'

const KEY = 'a mask key for tests only'
const COLUMNS: readonly Column[] = [
  column('id', 'int32', { nullable: false, keyPosition: 1 }),
  column('email', { kind: 'text', length: 20 }, { nullable: false }),
  column('note', 'text'),
  column('raw', 'bytes'),
]
const options = { key: KEY, table: 'people' }

function masked(columns: readonly Column[], rows: readonly (readonly Cell[])[], choices: MaskChoices) {
  const masker = new BatchMasker(compileMasks(columns, choices, options))
  return { batch: masker.mask(batchOf(columns, rows)), masker }
}

function refusal(choices: MaskChoices, more: object = {}): AirlockError {
  try {
    compileMasks(COLUMNS, choices, { ...options, ...more })
  } catch (error) {
    if (error instanceof AirlockError) return error
    throw error
  }
  throw new Error('it compiled')
}

describe('masks on batches', () => {
  it('leave no byte of a masked value in the batch, its buffer or what the buffer is a view of', () => {
    const secrets = Array.from({ length: 50 }, (_, index) => canary(`${index}s`))
    const rows = secrets.map((secret, index) => [
      String(index),
      `${secret}@x.example`,
      index % 3 === 0 ? null : secret,
      Buffer.from(secret),
    ])
    for (const rule of ['redact', 'hash', 'tokenize', 'null', 'constant:x']) {
      const { batch } = masked(COLUMNS, rows, { email: rule, note: rule, raw: rule === 'redact' ? 'null' : rule })
      for (const memory of [batch.data, new Uint8Array(batch.data.buffer)]) {
        const bytes = Buffer.from(memory)
        expect(
          secrets.filter((secret) => bytes.includes(secret)),
          rule,
        ).toEqual([])
      }
      expect(batch.rowCount).toBe(50)
      expect(Buffer.from(batch.cell(49, 0)!).toString()).toBe('49')
    }
  })

  it('change the masked columns only, keep NULL, and count rows', () => {
    const rows: Cell[][] = [
      ['1', 'a@b.example', 'one', Buffer.of(0)],
      ['2', 'a@b.example', null, null],
    ]
    const { batch, masker } = masked(COLUMNS, rows, { email: 'tokenize', note: 'redact' })
    const [first, second] = [...batch.objects()]
    expect([first!['id'], first!['raw']]).toEqual(['1', new Uint8Array([0])])
    expect(first!['email']).toBe(second!['email'])
    expect(first!['email']).not.toContain('b.example')
    expect([first!['note'] !== 'one', second!['note'], second!['raw']]).toEqual([true, null, null])
    expect(masker.rowsMasked).toBe(2)
    const untouched = new BatchMasker(compileMasks(COLUMNS, {}, options))
    const plain = batchOf(COLUMNS, rows)
    expect(untouched.mask(plain)).toBe(plain)
    expect(untouched.rowsMasked).toBe(2)
  })

  it('do not touch the batch that came in', () => {
    const batch = batchOf(COLUMNS, [['1', 'a@b.example', 'one', null]])
    const before = Buffer.from(batch.data)
    new BatchMasker(compileMasks(COLUMNS, { email: 'hash' }, options)).mask(batch)
    expect(Buffer.compare(before, batch.data)).toBe(0)
  })

  it('say what the columns have become', () => {
    const { columns } = compileMasks(COLUMNS, { email: 'null', note: 'hash', id: 'tokenize' }, options)
    expect(columns.map(({ name, nullable }) => [name, nullable])).toEqual([
      ['id', false],
      ['email', true],
      ['note', true],
      ['raw', true],
    ])
    const dated = compileMasks([column('born', 'date')], { born: 'generalize-year' }, options)
    expect(dated.columns[0]!.type).toEqual({ kind: 'int16' })
  })

  it('make a column as wide as what they write into it', () => {
    const narrow = [column('code', { kind: 'text', length: 2 })]
    for (const rule of ['redact', 'hash', 'tokenize', 'constant:longer than two', 'partial-email', 'partial-last4']) {
      const { batch } = masked(narrow, [['ab']], { code: rule })
      const { type } = batch.columns[0]!
      const length = type.kind === 'text' ? (type.length ?? Number.POSITIVE_INFINITY) : 0
      expect(Buffer.from(batch.cell(0, 0)!).toString().length, rule).toBeLessThanOrEqual(length)
    }
  })

  it('share tokens through a domain, and only through it', () => {
    const token = (table: string, domain?: string) => {
      const choice = domain === undefined ? 'tokenize' : { rule: 'tokenize', domain }
      const masks = compileMasks([column('email', 'text')], { email: choice }, { key: KEY, table })
      return Buffer.from(
        new BatchMasker(masks).mask(batchOf([column('email', 'text')], [['a@b.example']])).cell(0, 0)!,
      ).toString()
    }
    expect(token('a')).not.toBe(token('b'))
    expect(token('a', 'people')).toBe(token('b', 'people'))
  })

  it('fail closed before a row is read', () => {
    expect(refusal({ emial: 'hash' }).message).toBe('A column does not exist: mask.emial. Did you mean "email"?')
    expect(refusal({ email: 'blur' }).code).toBe('CONFIG_INVALID')
    expect(refusal({ email: 'tokenize' }, { key: undefined }).code).toBe('MASK_KEY_MISSING')
    expect(refusal({ email: 'tokenize' }, { key: '' }).code).toBe('MASK_KEY_MISSING')
    for (const rule of ['redact', 'null', 'constant:7', 'generalize-range-10'])
      expect(refusal({ id: rule }).code).toBe('MASK_ON_KEY')
    expect(refusal({ email: 'partial-email' }, { keyColumns: ['email'] })).toMatchObject({
      code: 'MASK_ON_KEY',
      exitCode: 4,
    })
    expect(refusal({ toString: 'hash' }).code).toBe('COLUMN_NOT_FOUND')
  })

  it('fail closed in the middle: the batch with the value that does not fit never comes out', async () => {
    const secret = canary()
    const columns = [column('born', 'text')]
    async function* read() {
      yield batchOf(columns, [['1999-01-31']])
      yield batchOf(columns, [['2000-02-29'], [secret]])
    }
    const source: Extraction = { rowsRead: 3, policyCounts: { zero_dates: 4 }, [Symbol.asyncIterator]: () => read() }
    const extraction = maskExtraction(source, { born: 'generalize-year' }, options)
    const out: Batch[] = []
    const consume = async () => {
      for await (const batch of extraction) out.push(batch)
    }
    const error = await failure(consume(), 'MASK_FAILED')
    expect(JSON.stringify([error.message, error.stack, error])).not.toContain(secret)
    expect(out.length).toBe(1)
    expect([extraction.rowsRead, extraction.policyCounts]).toEqual([3, { zero_dates: 4 }])
  })
})
