import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { resetState, showState } from '../../../src/run/state-admin.js'
import type { Engine, EngineName } from '../../../src/testing/index.js'
import { describeWith } from '../../setup/engines.js'
import { type RangeJobs, ROWS, rangeJobs } from './range-jobs.js'

const TEST_MS = 60_000

for (const [from, to] of [
  ['mysql', 'postgres'],
  ['postgres', 'mysql'],
] as const satisfies readonly (readonly [EngineName, EngineName])[]) {
  describeWith([from, to], `the state of a divided load from ${from} to ${to}`, (engines: Record<string, Engine>) => {
    let jobs: RangeJobs
    beforeAll(async () => {
      jobs = await rangeJobs(engines[from]!, engines[to]!)
    })
    afterAll(() => jobs?.[Symbol.asyncDispose]())
    beforeEach(() => jobs.reset())

    const signal = new AbortController().signal
    const withPipeline = async <T>(work: (...given: Parameters<typeof showState>) => Promise<T>): Promise<T> => {
      await using space = await jobs.ends.open()
      return await work(space, await jobs.ends.pipeline(space, { orders: { mode: 'append' } }), signal)
    }
    const entry = {
      ...{ pipeline: 'nightly', stream: 'orders', kept_in: 'target', cursor: 'id', run: null },
      saved_at: expect.stringMatching(/^2.*Z$/),
    }

    // Seen red without the marks in `state reset`: the tables stayed.
    it('is one line for each stream, and is forgotten with its tables and claims', { timeout: TEST_MS }, async () => {
      await jobs.claim('run-1')
      await jobs.read(1, 1)
      const one = { ...entry, value: '1 of 2 ranges', ranges: { finished: 1, total: 2, rows: ROWS / 2 } }
      expect(await withPipeline(showState)).toEqual([one])
      await jobs.read(0, 1)
      const both = { ...entry, value: '2 of 2 ranges', ranges: { finished: 2, total: 2, rows: ROWS } }
      expect(await withPipeline(showState)).toEqual([both])
      expect((await jobs.waiting()).length).toBe(2)
      const forgotten = await withPipeline((space, pipeline) => resetState(space, pipeline!, 'orders', signal))
      expect(forgotten).toEqual([both])
      expect([await jobs.states(), await jobs.waiting()]).toEqual([[], []])
      // What a job of before still sends is refused.
      expect(await jobs.read(0, 2)).toMatchObject({ streams: [{ error: { code: 'FENCED' } }] })
      expect([await jobs.states(), await jobs.waiting()]).toEqual([[], []])
    })

    it('is shown where it cannot be read, and drops no table that is not its own', { timeout: TEST_MS }, async () => {
      await jobs.claim('run-1')
      await jobs.read(0, 1)
      const { target } = jobs.ends
      await target.exec(`CREATE TABLE orders (id INT); INSERT INTO orders VALUES (1)`)
      await target.exec(`INSERT INTO _airlock_state SELECT pipeline, 'orders#part-7', REPLACE(value, '_airlock_part_', 'x'),
        saved_at FROM _airlock_state WHERE stream = 'orders#part-0'`)
      expect(await withPipeline(showState)).toEqual([
        { ...entry, value: '1 of 2 ranges', ranges: { finished: 1, total: 2, rows: ROWS / 2 } },
        { ...entry, cursor: null, value: null, ranges: null },
      ])
      await withPipeline((space, pipeline) => resetState(space, pipeline!, 'orders', signal))
      expect([await jobs.states(), await jobs.waiting()]).toEqual([[], []])
      expect(await target.rows('SELECT id FROM orders')).toEqual([['1']])
    })

    it('leaves what other streams have', { timeout: TEST_MS }, async () => {
      await jobs.claim('run-1')
      await jobs.read(0, 1)
      const { target } = jobs.ends
      for (const name of ['other#part-0', 'other#range-0#fence', 'orders2#part-0']) {
        await target.exec(`INSERT INTO _airlock_state SELECT pipeline, '${name}', 'not readable', saved_at
          FROM _airlock_state WHERE stream = 'orders#part-0'`)
      }
      await withPipeline((space, pipeline) => resetState(space, pipeline!, 'orders', signal))
      expect(await jobs.states()).toEqual(['orders2#part-0', 'other#part-0', 'other#range-0#fence'])
    })
  })
}
