import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Engine } from '../../src/testing/index.js'
import { describeWith } from '../setup/engines.js'
import { whileLocked } from '../setup/while-locked.js'
import { type FaultEnds, FEW, faultEnds, MODES, ROUTES } from './fault-ends.js'

describeWith(['mysql', 'postgres'], 'a run that meets trouble at its target', (engines) => {
  describe.each(ROUTES)('from %s to %s', (from, to) => {
    let ends: FaultEnds
    const target: Engine = engines[to]
    beforeAll(async () => {
      ends = await faultEnds(engines[from], target)
    })
    afterAll(() => ends[Symbol.asyncDispose]())

    // Seen red in every mode with the old rows deleted, and that committed, in front of the load.
    it.each(Object.keys(MODES))('%s: a constraint is violated in the last row', async (name) => {
      await ends.seed(`, CONSTRAINT most_${name} CHECK (id < ${FEW})`)
      const report = await ends.run([name], 'few')
      expect(report.exit_code).toBe(5)
      expect(report.streams[0]!.error).toMatchObject({ code: 'CONSTRAINT_VIOLATED' })
      await ends.expectUntouched(report)
    })

    it('every mode waits for a lock, and gives up after half a minute', async () => {
      await ends.seed()
      const names = Object.keys(MODES)
      // Readers may pass, writers may not.
      const locks =
        to === 'postgres'
          ? `LOCK TABLE ${names.join(', ')} IN SHARE MODE`
          : names.map((name) => `SELECT * FROM ${name} FOR UPDATE`).join('; ')
      const report = await whileLocked(target, ends.ends.target, locks, () =>
        ends.run(names, 'few', { parallel: names.length }),
      )
      const codes = report.streams.map(({ error }) => error?.code)
      expect([report.exit_code, codes]).toEqual([5, names.map(() => 'LOCK_TIMEOUT')])
      await ends.expectUntouched(report)
    }, 120_000)
  })
})
