import { readdirSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { ManagedSession } from '../../src/core/managed-session.js'
import { folder, open, rowsOf } from '../drivers/files-support.js'
import { batches, column } from '../drivers/rows.js'
import { messageOf, outputOf, startProcess, startThread, upTo } from '../sinks/support.js'

const COLUMNS = [column('id', 'int64'), column('name', 'text')]
const APPENDER = '../drivers/append-rows.ts'

/** Every row of every writer is there once, and each writer's in their order. */
async function expectAll(session: ManagedSession, writers: number, writes: number, root: string): Promise<void> {
  const rows = await rowsOf(session, { table: 't' })
  expect(rows).toHaveLength(writers * writes)
  for (const writer of upTo(writers)) {
    const own = rows.filter(([, name]) => name === `w${writer}`).map(([id]) => Number(id))
    expect(own).toEqual(upTo(writes))
  }
  expect(readdirSync(root).filter((name) => name !== 'gate')).toEqual(['t.csv'])
}

// Guard: the lock. Broken once by not taking it (FileLock.acquire that gives a lock at once): all three failed with rows
// missing. Broken a second time by not looking whether the locked file is still in its place: threads and processes failed.
describe('appends to one file lose nothing', () => {
  it('promises: eight sessions of one process', async () => {
    const root = folder()
    const sessions = await Promise.all(upTo(8).map(() => open(root)))
    await Promise.all(
      sessions.map(async (session, writer) => {
        for (const write of upTo(12)) {
          await session.write({ table: 't', mode: 'append' }, batches(COLUMNS, [[String(write), `w${writer}`]]))
        }
      }),
    )
    await expectAll(sessions[0]!, 8, 12, root)
  })

  it('worker threads: four of them', async () => {
    const root = folder()
    const threads = upTo(4).map((i) => startThread(APPENDER, { root, name: `w${i}`, writes: 20, writers: 4 }))
    expect(await Promise.all(threads.map(messageOf))).toEqual(['done', 'done', 'done', 'done'])
    await expectAll(await open(root), 4, 20, root)
  })

  it('processes: four of them', async () => {
    const root = folder()
    const jobs = upTo(4).map((i) => JSON.stringify({ root, name: `w${i}`, writes: 20, writers: 4 }))
    await Promise.all(jobs.map((job) => outputOf(startProcess(APPENDER, [job]))))
    await expectAll(await open(root), 4, 20, root)
  })
})
