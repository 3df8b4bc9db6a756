import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import type { Batch } from '../../src/core/batch.js'
import type { ManagedSession } from '../../src/core/managed-session.js'
import type { WriteFence } from '../../src/core/write-fence.js'
import { fenceKey } from '../../src/run/fence-key.js'
import type { Engine, EngineName, TestDatabase } from '../../src/testing/index.js'
import { batches, column } from '../drivers/rows.js'
import { open as openAs } from '../drivers/support.js'
import { describeWith } from '../setup/engines.js'

const COLUMNS = [column('id', 'int64')]
const rows = (...ids: number[]) =>
  batches(
    COLUMNS,
    ids.map((id) => [String(id)]),
  )
const fence = (number: number, holder = 'run-1'): WriteFence => ({ key: fenceKey('nightly', 'orders'), holder, number })

// Guards, each broken once and seen red: a confirmClaim that compares nothing (a zombie commits), a decideClaim that
// compares no numbers (a late claim takes the write back), a claim that MySQL does not lock (the overtaken write fails with
// another error), INSERT IGNORE for the row to lock (deadlocks among first claims). Postgres without its advisory lock
// stayed green: two first claims that miss each other were not seen here.
for (const name of ['postgres', 'mysql'] as const satisfies readonly EngineName[]) {
  describeWith([name], `fenced writes to ${name}`, (engines: Record<string, Engine>) => {
    let database: TestDatabase
    const open = (): Promise<ManagedSession> => openAs(engines[name]!, database)
    const ids = async () => (await database.rows('SELECT id FROM orders ORDER BY id')).map(([id]) => Number(id))
    const write = (
      session: ManagedSession,
      as: WriteFence,
      source: AsyncIterable<Batch>,
      mode: 'append' | 'merge' = 'append',
    ) =>
      session.write({ table: 'orders', mode, fence: as, ...(mode === 'merge' ? { primaryKey: ['id'] } : {}) }, source)

    beforeAll(async () => {
      database = await engines[name]!.createDatabase('fence')
    })
    afterAll(() => database.drop())
    beforeEach(async () => {
      await database.exec(
        'DROP TABLE IF EXISTS orders; DROP TABLE IF EXISTS _airlock_state; CREATE TABLE orders (id BIGINT PRIMARY KEY)',
      )
    })

    it('lets the last that claimed commit, and nobody before it', async () => {
      await using zombie = await open()
      await using heir = await open()
      expect(await zombie.claimWrite(fence(1))).toBeUndefined()
      expect(await heir.claimWrite(fence(2))).toBeUndefined()
      await expect(write(zombie, fence(1), rows(1, 2))).rejects.toMatchObject({ code: 'FENCED', exitCode: 5 })
      expect(await ids()).toEqual([])
      await write(heir, fence(2), rows(3))
      expect(await ids()).toEqual([3])
      await expect(write(zombie, fence(1), rows(4), 'merge')).rejects.toMatchObject({ code: 'FENCED' })
      expect(await ids()).toEqual([3])
    })

    it('refuses a claim that comes late, and a write that nobody claimed', async () => {
      await using session = await open()
      await expect(write(session, fence(1), rows(1))).rejects.toMatchObject({ code: 'FENCED' })
      await session.claimWrite(fence(5))
      await expect(session.claimWrite(fence(5))).rejects.toMatchObject({ code: 'FENCED' })
      await expect(session.claimWrite(fence(4))).rejects.toMatchObject({ code: 'FENCED' })
      expect(await ids()).toEqual([])
    })

    it('tells the next attempt that the one before it did commit, and writes nothing twice', async () => {
      await using session = await open()
      await session.claimWrite(fence(1))
      await write(session, fence(1), rows(1, 2, 3))
      expect(await session.claimWrite(fence(2))).toEqual({ rows: 3 })
      await expect(write(session, fence(1), rows(4))).rejects.toMatchObject({ code: 'FENCED' })
      await expect(write(session, fence(2), rows(4))).rejects.toMatchObject({ code: 'FENCED' })
      expect(await ids()).toEqual([1, 2, 3])
    })

    it('gives a new run the write of an old one, whatever the numbers', async () => {
      await using old = await open()
      await using next = await open()
      await old.claimWrite(fence(9))
      expect(await next.claimWrite(fence(1, 'run-2'))).toBeUndefined()
      await expect(write(old, fence(9), rows(1))).rejects.toMatchObject({ code: 'FENCED' })
      await write(next, fence(1, 'run-2'), rows(2))
      expect(await ids()).toEqual([2])
    })

    it('rolls back a write that was claimed by another one while its rows flowed', async () => {
      await using zombie = await open()
      await using heir = await open()
      await zombie.claimWrite(fence(1))
      async function* overtaken(): AsyncGenerator<Batch, void, undefined> {
        yield* rows(1, 2)
        await heir.claimWrite(fence(2))
        yield* rows(3)
      }
      await expect(write(zombie, fence(1), overtaken())).rejects.toMatchObject({ code: 'FENCED' })
      expect(await ids()).toEqual([])
    })

    it('has one winner among twelve sessions at a time', async () => {
      const sessions = await Promise.all(Array.from({ length: 12 }, open))
      try {
        const outcomes = await Promise.all(
          sessions.map(async (session, at) => {
            try {
              await session.claimWrite(fence(at + 1))
              await write(session, fence(at + 1), rows(at))
              return 'written'
            } catch (error) {
              return (error as { code: string }).code
            }
          }),
        )
        const written = outcomes.flatMap((outcome, at) => (outcome === 'written' ? [at] : []))
        expect(outcomes.filter((outcome) => outcome !== 'written' && outcome !== 'FENCED')).toEqual([])
        expect(written).toHaveLength(1)
        expect(await ids()).toEqual(written)
      } finally {
        await Promise.all(sessions.map((session) => session.close()))
      }
    })
  })
}
