import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { defineDriver } from '../../src/core/define-driver.js'
import { mysqlSpec } from '../../src/drivers/mysql/spec.js'
import type { ColumnSlot, Framing } from '../../src/drivers/mysql/write/column-slot.js'
import { localFileStream } from '../../src/drivers/mysql/write/local-file.js'
import { type FrameForm, type RowChunk, RowFrames } from '../../src/drivers/mysql/write/row-frames.js'
import type { TestDatabase } from '../../src/testing/index.js'
import { describeWith } from '../setup/engines.js'
import { batches, batchOf, type Cell, column } from './rows.js'
import { canary, failure, settings } from './support.js'

const COLUMNS = [
  column('id', 'int32', { nullable: false, keyPosition: 1 }),
  column('body', 'text'),
  column('raw', 'bytes'),
]

const LETTERS = [..."aж'\\\t\n\r\0,()€𝄞x"]

/** Rows of very different lengths, from a fixed sequence. */
function rowsOf(count: number): readonly (readonly Cell[])[] {
  let seed = 7
  const next = (below: number) => {
    seed = (seed * 48271) % 2147483647
    return seed % below
  }
  return Array.from({ length: count }, (_, id) => {
    const length = next(50) === 0 ? next(60_000) : next(60)
    const body = Array.from({ length }, () => LETTERS[next(LETTERS.length)]).join('')
    return [String(id), next(9) === 0 ? null : body, Buffer.from(body).subarray(0, next(40))]
  })
}

describeWith(['mysql'], 'how rows get into MySQL', ({ mysql: engine }) => {
  let to: TestDatabase
  beforeAll(async () => {
    to = await engine.createDatabase('transport')
  })
  afterAll(() => to.drop())
  afterEach(() => to.exec('DROP TABLE IF EXISTS t'))

  it.each(['load', 'insert'] as const)(
    '%s: many statements hold what one batch after the other held',
    async (transport) => {
      await using target = await defineDriver(mysqlSpec({ rowHook: true, transport })).open(settings(engine, to))
      const rows = rowsOf(6000)
      const lists = Array.from({ length: 60 }, (_, at) => rows.slice(at * 100, at * 100 + 100))
      const receipt = await target.write({ table: 't', mode: 'append', checksum: true }, batches(COLUMNS, ...lists))
      expect([receipt.rowsConfirmed, receipt.rowsCounted]).toEqual([6000, 6000])
      expect(receipt.bytesSent).toBeGreaterThan(3 * 1024 * 1024)
      const read: unknown[] = []
      for await (const batch of target.extract({ table: 't' })) {
        for (const each of batch.objects())
          read.push([each['id'], each['body'], Buffer.from(each['raw'] as Uint8Array).toString('hex')])
      }
      expect(read).toEqual(rows.map(([id, body, raw]) => [id, body, Buffer.from(raw!).toString('hex')]))
    },
  )

  // Seen red with the client's own query(): it publishes the text of every statement.
  it.each(['load', 'insert'] as const)(
    '%s: keeps values out of the tracing channel of the client',
    async (transport) => {
      const secret = canary()
      const seen: string[] = []
      const listen = (message: unknown) =>
        void seen.push(JSON.stringify(message, (_, value) => (typeof value === 'bigint' ? String(value) : value)))
      subscribe('tracing:mysql2:query:start', listen)
      try {
        await using target = await defineDriver(mysqlSpec({ rowHook: true, transport })).open(settings(engine, to))
        await to.exec('CREATE TABLE t (v varchar(60) PRIMARY KEY)')
        const rows = () => batches([column('v', 'text')], [[secret]])
        await target.write({ table: 't', mode: 'append' }, rows())
        await failure(target.write({ table: 't', mode: 'append' }, rows()), 'CONSTRAINT_VIOLATED')
      } finally {
        unsubscribe('tracing:mysql2:query:start', listen)
      }
      expect(seen.length).toBeGreaterThan(0)
      expect(seen.join('\n')).not.toContain(secret)
    },
  )

  it('a server that cuts or skips with a warning only: nothing stays', async () => {
    await to.exec('CREATE TABLE t (id int PRIMARY KEY, v smallint)')
    await using target = await defineDriver(mysqlSpec({ rowHook: true, transport: 'load' })).open(settings(engine, to))
    const columns = [column('id', 'int32'), column('v', 'int32')]
    const attempts = [
      {
        rows: [
          ['1', '1'],
          ['2', '99999'],
        ],
        code: 'VALUE_REJECTED',
        origin: 'MYSQL_1264',
      },
      {
        rows: [
          ['1', '1'],
          ['1', '2'],
        ],
        code: 'CONSTRAINT_VIOLATED',
        origin: 'MYSQL_1062',
      },
    ] as const
    for (const { rows, code, origin } of attempts) {
      const error = await failure(target.write({ table: 't', mode: 'append' }, batches(columns, rows)), code)
      expect(error.origin).toBe(origin)
      expect(await to.rows('SELECT * FROM t')).toEqual([])
    }
  })

  it('a trigger that changes what was sent is found by the checksum', async () => {
    await to.exec(`CREATE TABLE t (id int); CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW SET NEW.id = NEW.id + 1`)
    await using target = await defineDriver(mysqlSpec()).open(settings(engine, to))
    const write = target.write(
      { table: 't', mode: 'replace', checksum: true },
      batches([column('id', 'int32')], [['1']]),
    )
    const error = await failure(write, 'CHECKSUM_MISMATCH')
    expect(error.message).toContain('id')
    expect(await to.rows('SELECT * FROM t')).toEqual([])
  })
})

describe('rows in memory that stand for a file', () => {
  it('are given for their own name, and no file for any other', async () => {
    const bytes = Buffer.alloc(700_000, 'row\n')
    const stream = localFileStream({ name: 'airlock-nonce', bytes })
    const parts: Buffer[] = []
    for await (const part of stream('airlock-nonce')) parts.push(part as Buffer)
    expect(Buffer.concat(parts).equals(bytes)).toBe(true)
    for (const name of ['/etc/passwd', 'airlock-nonce2', '', 'airlock-Nonce'])
      expect(() => stream(name)).toThrow('protocol')
  })
})

describe.each(['lines', 'values'] as const)('frames of %s', (form: FrameForm) => {
  const slots = (['text', 'boolean', 'bytes', 'bits'] as const).map(
    (framing: Framing, index): ColumnSlot => ({
      name: `c${index}`,
      framing,
      rule: undefined,
      notNull: false,
      stored: { kind: 'text' },
    }),
  )
  const columns = slots.map(({ name }) => column(name, 'text'))
  const rows: readonly (readonly Cell[])[] = [
    ["a'\\\t\n\r\0b", 't', Buffer.from([0, 255]), '100000001'],
    [null, 'f', '', '1'],
    ['', null, null, null],
    ["''''''''''''", '7', 'x'.repeat(30), '0'],
  ]
  const shown = {
    lines: [
      "a\\'\\\\\\t\\n\\r\\0b\t1\t00ff\t0101\n",
      '\\N\t0\t\t01\n',
      '\t\\N\t\\N\t\\N\n',
      `${"\\'".repeat(12)}\t7\t${'78'.repeat(30)}\t00\n`,
    ],
    values: [
      "('a\\'\\\\\\t\\n\\r\\0b','1',x'00ff',x'0101')",
      "(NULL,'0',x'',x'01')",
      "('',NULL,NULL,NULL)",
      `('${"\\'".repeat(12)}','7',x'${'78'.repeat(30)}',x'00')`,
    ],
  }[form]

  it.each([40, 64, 100, 129, 200, 4096])('join to the same text whatever their size is (%i)', (limit) => {
    const chunks: RowChunk[] = []
    const frames = new RowFrames(slots, form, { limit, most: 10_000 }, (chunk) =>
      chunks.push({ ...chunk, bytes: Buffer.from(chunk.bytes) }),
    )
    for (let round = 0; round < 20; round++) frames.encode(batchOf(columns, rows))
    frames.flush()
    expect(chunks.reduce((sum, chunk) => sum + chunk.rows, 0)).toBe(80)
    const glue = form === 'values' ? ',' : ''
    const all = Array.from({ length: 20 }, () => shown).flat()
    expect(chunks.map(({ bytes }) => bytes.toString()).join(glue)).toBe(all.join(glue))
    for (const chunk of chunks) {
      const text = chunk.bytes.toString()
      expect(form === 'values' ? text.startsWith('(') && text.endsWith(')') : text.endsWith('\n')).toBe(true)
    }
  })
})
