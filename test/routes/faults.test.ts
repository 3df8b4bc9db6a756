import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Engine } from '../../src/testing/index.js'
import { settle } from '../../src/testing/index.js'
import { describeWith } from '../setup/engines.js'
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
      const database = ends.ends.target
      // Readers may pass, writers may not.
      const hold =
        to === 'postgres'
          ? `BEGIN; LOCK TABLE ${names.join(', ')} IN SHARE MODE; SELECT pg_sleep(100)`
          : `BEGIN; ${names.map((name) => `SELECT * FROM ${name} FOR UPDATE`).join('; ')}; SELECT SLEEP(100)`
      const blocker = database.exec(hold, 'admin').catch(() => undefined) // it is ended below
      expect(await settle(async () => (await holders(target, database)).length, 1, 10_000)).toBe(1)
      const report = await ends.run(names, 'few', { parallel: names.length })
      const codes = report.streams.map(({ error }) => error?.code)
      expect([report.exit_code, codes]).toEqual([5, names.map(() => 'LOCK_TIMEOUT')])
      const [id] = await holders(target, database)
      await database.rows(to === 'postgres' ? `SELECT pg_terminate_backend(${id})` : `KILL ${id}`, 'admin')
      await blocker
      await ends.expectUntouched(report)
    }, 120_000)
  })
})

/** The sessions that sleep in this database. */
async function holders({ engine }: Engine, database: { name: string; rows: FaultEnds['ends']['target']['rows'] }) {
  const rows = await database.rows(
    engine === 'postgres'
      ? `SELECT pid FROM pg_stat_activity WHERE datname = '${database.name}' AND wait_event = 'PgSleep'`
      : `SELECT ID FROM information_schema.PROCESSLIST WHERE DB = '${database.name}' AND STATE = 'User sleep'`,
    'admin',
  )
  return rows.map(([id]) => id)
}
