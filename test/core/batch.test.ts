import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Column, NULL_CELL } from '../../src/core/batch.js'
import { BATCH_BYTES, BatchBuilder } from '../../src/core/batch-builder.js'
import { formatType, type LogicalType } from '../../src/core/column-type.js'
import { batchOf, type Cell, column } from '../drivers/rows.js'

/** Reads all cells back as buffers, the slow and certain way. */
function cells(batch: ReturnType<typeof batchOf>): (Buffer | null)[][] {
  return Array.from({ length: batch.rowCount }, (_, row) =>
    batch.columns.map((_, index) => {
      const cell = batch.cell(row, index)
      return cell === null ? null : Buffer.from(cell)
    }),
  )
}

const buffers = (rows: readonly (readonly Cell[])[]) =>
  rows.map((row) => row.map((cell) => (cell === null ? null : Buffer.from(cell))))

describe('a batch', () => {
  const columns = [column('a', 'text'), column('b', 'bytes')]

  it('gives its cells back, NULL and empty apart', () => {
    const rows: Cell[][] = [
      ['x', null],
      ['', Buffer.of(0, 255)],
      [null, Buffer.alloc(0)],
    ]
    const batch = batchOf(columns, rows)
    expect(cells(batch)).toEqual(buffers(rows))
    expect(batch.byteLength).toBe(batch.data.byteLength + batch.spans.byteLength)
    expect(batch.spans[2]).toBe(NULL_CELL)
    expect(() => batch.cell(3, 0)).toThrow(RangeError)
    expect(() => batch.cell(0, 2)).toThrow(RangeError)
  })

  it('gives objects whose bytes are copies, whatever the columns are called', () => {
    const odd = [column('__proto__', 'text'), column('raw', 'bytes'), column('n', 'uint64')]
    const batch = batchOf(odd, [['p', Buffer.of(1, 2), '18446744073709551615']])
    const [object] = [...batch.objects()]
    expect(Object.keys(object!)).toEqual(['__proto__', 'raw', 'n'])
    expect(Object.getOwnPropertyDescriptor(object, '__proto__')?.value).toBe('p')
    expect(object!['n']).toBe('18446744073709551615')
    const raw = object!['raw'] as Uint8Array
    batch.data.fill(0)
    expect([...raw]).toEqual([1, 2])
    expect(raw.constructor).toBe(Uint8Array)
  })

  it('may have no rows and no columns', () => {
    expect([...batchOf(columns, []).objects()]).toEqual([])
    expect([...batchOf([], [[], []]).objects()]).toEqual([{}, {}])
  })
})

describe('the batch builder', () => {
  const cell = fc.option(fc.uint8Array({ maxLength: 300 }), { nil: null })
  const table = fc
    .integer({ min: 1, max: 6 })
    .chain((width) => fc.array(fc.array(cell, { minLength: width, maxLength: width }), { maxLength: 60 }))

  it('keeps what is put in place and what is converted, in any mixture, over many batches', () => {
    fc.assert(
      fc.property(
        table,
        fc.array(fc.boolean(), { minLength: 1, maxLength: 7 }),
        fc.integer({ min: 1, max: 2000 }),
        (rows, converted, limit) => {
          const columns = (rows[0] ?? []).map((_, index) => column(`c${index}`, 'bytes'))
          const builder = new BatchBuilder(columns, limit)
          const found: (Buffer | null)[][] = []
          let turn = 0
          for (const row of rows) {
            builder.beginRow()
            for (const value of row) {
              if (value === null) builder.putNull()
              else if (converted[turn++ % converted.length]) {
                builder.convert(value.length + 3).set(value, builder.tailAt)
                builder.putConverted(value.length)
              } else {
                const at = builder.regionStart
                expect(builder.region(value, 0, value.length)).toBe(at)
                builder.put(at, at + value.length)
              }
            }
            builder.endRow()
            if (builder.size >= builder.limit) found.push(...cells(builder.finish()))
          }
          found.push(...cells(builder.finish()))
          expect(found).toEqual(rows.map((row) => row.map((value) => (value === null ? null : Buffer.from(value)))))
        },
      ),
      { numRuns: 150 },
    )
  })

  it('grows for wide rows, and a batch that was handed over never changes', () => {
    const columns: Column[] = Array.from({ length: 700 }, (_, index) => column(`c${index}`, 'text'))
    const builder = new BatchBuilder(columns)
    expect(builder.limit).toBe(BATCH_BYTES)
    const write = (text: string) => {
      for (let row = 0; row < 600; row++) {
        builder.beginRow()
        const bytes = Buffer.from(text.repeat(columns.length))
        const start = builder.region(bytes, 0, bytes.length)
        for (let i = 0; i < columns.length; i++) builder.put(start + i, start + i + 1)
        builder.endRow()
      }
      return builder.finish()
    }
    const first = write('x')
    const copy = Buffer.from(first.data)
    const second = write('y')
    expect(Buffer.compare(copy, first.data)).toBe(0)
    expect([first.rowCount, second.rowCount]).toEqual([600, 600])
    expect(Buffer.from(second.cell(599, 699)!).toString()).toBe('y')
  })
})

describe('the name of a type', () => {
  it.each<[LogicalType, string]>([
    [{ kind: 'decimal' }, 'decimal'],
    [{ kind: 'decimal', precision: 12, scale: 2 }, 'decimal(12,2)'],
    [{ kind: 'text', length: 5 }, 'text(5)'],
    [{ kind: 'bit', length: 8 }, 'bit(8)'],
    [{ kind: 'timestamp', precision: 0 }, 'timestamp(0)'],
    [{ kind: 'json', storage: 'jsonb' }, 'jsonb'],
    [{ kind: 'array', element: { kind: 'text' } }, 'array<text>'],
    [{ kind: 'uint64' }, 'uint64'],
  ])('%j is %s', (type, name) => {
    expect(formatType(type)).toBe(name)
  })
})
