import { readdirSync, readlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { Batch } from '../../src/core/batch.js'
import { findDriver } from '../../src/drivers/builtin.js'
import { files } from '../../src/drivers/index.js'
import { settle } from '../../src/testing/index.js'
import { entries, folder, open, rowsOf } from '../drivers/files-support.js'
import { batches, column } from '../drivers/rows.js'
import { failure } from '../drivers/support.js'

const COLUMNS = [column('id', 'int64'), column('body', 'text')]
const ROWS = 20_000

/** Open descriptors of this process that lead into the folder. */
function handles(root: string): number {
  return readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith(root)
    } catch {
      // It was closed since it was listed.
      return false
    }
  }).length
}

async function table(settings: Parameters<typeof open>[1] = {}) {
  const root = folder({
    't.csv': `id,body\n${Array.from({ length: ROWS }, (_, row) => `${row},${'x'.repeat(100)}\n`).join('')}`,
    'none.csv': 'id,body\n',
  })
  return { root, session: await open(root, { columns: { id: 'int64' }, ...settings }) }
}

async function first(rows: AsyncIterable<Batch>): Promise<AsyncIterator<Batch>> {
  const iterator = rows[Symbol.asyncIterator]()
  await iterator.next()
  return iterator
}

// The suites of `db-airlock/testing` need a server, SQL and sockets: these are their promises for a driver without one.
// Broken once to see it fail: `await using` in extractFile, FilesSession.close without its handles, the counters in
// define-local-driver.ts, and the look at the signal in fileChunks.
describe('the files driver', () => {
  it('is one of the drivers, and says what it can do', () => {
    expect(findDriver('files')).toBe(files)
    expect(files.spec.capabilities).toMatchObject({ extract: true, write: true, modes: ['append', 'replace'] })
    expect(files.endpoints({ root: 'anywhere' })).toEqual([])
  })

  it('counts what it opens, what it closes and what it could not open', async () => {
    const counts: Record<string, number> = {}
    const telemetry = {
      add: (more: Readonly<Record<string, number>>) => {
        for (const [name, count] of Object.entries(more)) counts[name] = (counts[name] ?? 0) + count
      },
    }
    const root = folder()
    const session = await files.open({ root }, { telemetry })
    await session.close()
    await session.close()
    await failure(files.open({ root: join(root, 'nothing') }, { telemetry }), 'CONFIG_INVALID')
    expect(counts).toEqual({ connections_opened: 1, connections_closed: 1, connections_failed: 1 })
    await failure(session.ping(), 'SESSION_CLOSED')
    const aborted = AbortSignal.abort()
    await failure(files.open({ root }, { signal: aborted }), 'ABORTED')
    await failure(files.open({ root, rooot: 1 } as never), 'CONFIG_INVALID')
  })

  it('names the connection at fault', async () => {
    const error = await failure(files.open({ root: '/nowhere' }, { name: 'exports' }))
    expect(error.connection).toBe('exports')
  })

  it('gives every row once, in batches of the size that was asked for', async () => {
    const { session } = await table()
    const extraction = session.extract({ table: 't', batchBytes: 32_768 })
    const seen = new Set<string>()
    let count = 0
    for await (const batch of extraction) {
      count++
      expect(batch.data.byteLength).toBeLessThan(32_768 + 4_096)
      for (const row of batch.objects()) seen.add(String(row['id']))
      batch.release?.()
    }
    expect([seen.size, extraction.rowsRead, count > 50]).toEqual([ROWS, ROWS, true])
  })

  it('gives one batch for an empty result, which says what the columns are', async () => {
    const { session } = await table()
    const shapes: unknown[] = []
    for await (const batch of session.extract({ table: 'none', select: ['body', 'id'] })) {
      shapes.push([batch.rowCount, batch.columns.map(({ name, type }) => [name, type.kind])])
    }
    expect(shapes).toEqual([
      [
        0,
        [
          ['body', 'text'],
          ['id', 'int64'],
        ],
      ],
    ])
  })

  it('sees one snapshot: rows that are appended, and a file that takes its place, while it reads', async () => {
    const { root, session } = await table()
    let rows = 0
    for await (const batch of session.extract({ table: 't' })) {
      if (rows === 0) {
        writeFileSync(join(root, 't.csv'), '99,late\n', { flag: 'a' })
        const other = await open(root)
        await other.write({ table: 't', mode: 'replace' }, batches(COLUMNS, [['1', 'new']]))
      }
      rows += batch.rowCount
    }
    expect(rows).toBe(ROWS)
    expect(await rowsOf(session, { table: 't' })).toEqual([['1', 'new']])
  })

  it.skipIf(process.platform !== 'linux')('closes the file however reading ends', async () => {
    const { root, session } = await table()
    for await (const batch of session.extract({ table: 't' })) {
      expect([batch.rowCount > 0, handles(root)]).toEqual([true, 1])
      break
    }
    expect(handles(root)).toBe(0)
    const broken = async () => {
      for await (const batch of session.extract({ table: 't' })) throw new TypeError(`after ${batch.rowCount}`)
    }
    await expect(broken()).rejects.toThrow(TypeError)
    expect(handles(root)).toBe(0)
    const abort = new AbortController()
    const iterator = session.extract({ table: 't' }, abort.signal)[Symbol.asyncIterator]()
    await iterator.next()
    abort.abort()
    const drain = async () => {
      while ((await iterator.next()).done !== true) expect(abort.signal.aborted).toBe(true)
    }
    await failure(drain(), 'ABORTED')
    expect(handles(root)).toBe(0)
    // One who neither goes on nor leaves: closing the session closes the file.
    await first(session.extract({ table: 't' }))
    expect(handles(root)).toBe(1)
    await session.close()
    expect(await settle(async () => handles(root), 0, 2_000)).toBe(0)
  })

  it('does one thing at a time, and goes on after an error', async () => {
    const { session } = await table()
    const reading = await first(session.extract({ table: 't' }))
    await failure(session.ping(), 'SESSION_BUSY')
    await reading.return?.()
    const wrong = [
      [{ table: 'missing' }, 'TABLE_NOT_FOUND'],
      [{ table: 't', select: ['nothing'] }, 'COLUMN_NOT_FOUND'],
      [{ table: 't', where: 'id = 1' }, 'UNSUPPORTED'],
      [{ table: 't', range: { column: 'id' } }, 'UNSUPPORTED'],
      [{ query: 'SELECT 1' }, 'UNSUPPORTED'],
      [{}, 'CONFIG_INVALID'],
      [{ table: 'a.b.c' }, 'CONFIG_INVALID'],
    ] as const
    for (const [request, code] of wrong) {
      await failure(rowsOf(session, request), code)
      await session.ping()
    }
    expect(await rowsOf(session, { table: 'none' })).toEqual([])
    await failure(session.write({ table: 't', mode: 'merge' }, batches(COLUMNS)), 'UNSUPPORTED')
    await session.reset()
    expect(await session.privileges()).toEqual({ superuser: false, canWrite: true })
  })

  it('ends its source when a write fails', async () => {
    const { root, session } = await table()
    let ended = false
    async function* source(): AsyncGenerator<Batch, void, undefined> {
      try {
        yield* batches(COLUMNS, [['1', 'a']], [['2', 'b']])
      } finally {
        ended = true
      }
    }
    const plan = {
      table: 'new',
      mode: 'append',
      beforeCommit: () => {
        throw new Error('no')
      },
    } as const
    await failure(session.write(plan, source()))
    await failure(session.write({ table: 'none', mode: 'append' }, batches([column('other', 'text')], [['x']])))
    expect(ended).toBe(true)
    expect(entries(root)).toEqual(['none.csv', 't.csv'])
  })

  it('lists its files with their columns', async () => {
    const { root, session } = await table()
    writeFileSync(join(root, 'j.jsonl'), '{"a":1,"b":"x"}\n')
    writeFileSync(join(root, 'notes.txt'), 'not a table')
    writeFileSync(join(root, 'broken.csv'), 'a,a\n')
    const catalog = await session.discover({})
    expect(
      catalog.tables.map(({ name, columns }) => [name, columns.map((each) => `${each.name} ${each.type.kind}`)]),
    ).toEqual([
      ['broken', []],
      ['j.jsonl', ['a decimal', 'b text', 'id int64']],
      ['none', ['id int64', 'body text']],
      ['t', ['id int64', 'body text']],
    ])
    expect((await session.discover({ table: 't' })).tables.map(({ name }) => name)).toEqual(['t'])
    expect((await session.discover({ schema: 'nowhere' })).tables).toEqual([])
  })
})
