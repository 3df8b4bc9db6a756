import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import type { Engine, EngineName } from '../../../src/testing/index.js'
import { describeWith } from '../../setup/engines.js'
import { type RangeJobs, ROWS, rangeJobs } from './range-jobs.js'

const TEST_MS = 60_000
const FENCED = { status: 'failed', part: null, streams: [{ error: { code: 'FENCED' } }] }

for (const [from, to] of [
  ['mysql', 'postgres'],
  ['postgres', 'mysql'],
] as const satisfies readonly (readonly [EngineName, EngineName])[]) {
  describeWith(
    [from, to],
    `a range that several jobs read, from ${from} to ${to}`,
    (engines: Record<string, Engine>) => {
      let jobs: RangeJobs
      beforeAll(async () => {
        jobs = await rangeJobs(engines[from]!, engines[to]!)
      })
      afterAll(() => jobs?.[Symbol.asyncDispose]())
      beforeEach(() => jobs.reset())

      // Seen red without the fence of a part: both tables were whole, and the mark named the later one.
      it('is brought by one of them, whose table both name', { timeout: TEST_MS }, async () => {
        await jobs.claim('run-1')
        const both = await Promise.all([jobs.read(1, 1), jobs.read(1, 2)])
        const [table] = both.map(({ part }) => part?.table)
        expect([jobs.tableOf(1, 1), jobs.tableOf(1, 2)]).toContain(table)
        const brought = { status: 'ok', part: { table, rows: ROWS / 2 } }
        expect(both).toMatchObject([brought, brought])
        expect(await jobs.waiting()).toEqual([table!.split('.').at(-1)])
        expect(await jobs.read(1, 3)).toMatchObject({ status: 'ok', part: { table, rows: ROWS / 2, bytes: 0 } })
        const other = await jobs.read(0, 1)
        expect(await jobs.commit([other.part!.table, table!])).toMatchObject({ status: 'ok' })
        const counts = await jobs.ends.target.rows('SELECT COUNT(*), COUNT(DISTINCT id) FROM orders')
        expect(counts).toEqual([[String(ROWS), String(ROWS)]])
        expect([await jobs.states(), await jobs.waiting()]).toEqual([['orders#fence'], []])
      })

      // Seen red without the look at the claim before the work.
      it('is not read again where it is there already', { timeout: TEST_MS }, async () => {
        const { source } = jobs.ends
        await jobs.claim('run-1')
        await jobs.read(1, 1)
        await source.exec('ALTER TABLE orders RENAME TO away')
        const again = await jobs.read(1, 2)
        await source.exec('ALTER TABLE away RENAME TO orders')
        expect(again).toMatchObject({ status: 'ok', part: { table: jobs.tableOf(1, 1), rows: ROWS / 2, bytes: 0 } })
        expect((await jobs.waiting()).length).toBe(1)
      })

      // Seen red without the fence: a mark and a table were left, which the next run would have taken for its own.
      it('is refused from whoever comes when all is written', { timeout: TEST_MS }, async () => {
        await jobs.claim('run-1')
        const [first, second] = [await jobs.read(0, 1), await jobs.read(1, 1)]
        expect(await jobs.commit([first.part!.table, second.part!.table])).toMatchObject({ status: 'ok' })
        expect(await jobs.read(1, 2)).toMatchObject(FENCED)
        expect([await jobs.states(), await jobs.waiting()]).toEqual([['orders#fence'], []])
      })

      it('is refused from a run after which another one has begun', { timeout: TEST_MS }, async () => {
        await jobs.claim('run-1', 4)
        await jobs.claim('run-2')
        expect(await jobs.states()).toEqual(['orders#range-0#fence', 'orders#range-1#fence'])
        expect(await jobs.read(0, 1)).toMatchObject(FENCED)
        expect(await jobs.read(0, 2, 'run-2')).toMatchObject({ status: 'ok', part: { table: jobs.tableOf(0, 2) } })
        expect(await jobs.waiting()).toEqual([jobs.tableOf(0, 2).split('.').at(-1)])
      })

      // Seen red without the look before a whole write: the first range waited on, and the second was brought.
      it.each([
        ['a sandbox', () => jobs.whole()],
        ['this machine', () => jobs.ends.move({ mode: 'append' })],
      ])('is dropped and refused once %s has written the table as a whole', { timeout: TEST_MS }, async (_, write) => {
        await jobs.claim('run-1')
        await jobs.read(0, 1)
        expect(await write()).toMatchObject({ status: 'ok' })
        const claims = (await jobs.states()).filter((name) => name !== 'orders#fence')
        expect([claims, await jobs.waiting()]).toEqual([[], []])
        expect(await jobs.read(1, 1)).toMatchObject(FENCED)
        expect(await jobs.waiting()).toEqual([])
      })
    },
  )
}
