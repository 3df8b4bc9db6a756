import { describe, expect, it } from 'vitest'
import { canStart, startPrivate } from '../drivers/private.js'
import { describeWith } from '../setup/engines.js'
import { faultEnds, MODES, ROUTES } from './fault-ends.js'
import { DURABLE, killAndRevive } from './revive.js'

const NAMES = Object.keys(MODES)
const canRevive = process.platform === 'linux'

describeWith(['mysql', 'postgres'], 'a run whose target server dies', (engines) => {
  describe.each(ROUTES.filter(([, to]) => canStart[to] && canRevive))('from %s to %s', (from, to) => {
    // Seen red in every mode with the old rows deleted, and that committed, in front of the load.
    it.each(NAMES)(
      '%s: killed in mid-load, the server has what it had before',
      async (name) => {
        const own = await startPrivate(to, { settings: DURABLE[to] })
        try {
          const ends = await faultEnds(engines[from], own)
          await ends.seed()
          let killed: ReturnType<typeof killAndRevive> | undefined
          const report = await ends.run([name], 'many', {
            onProgress: ({ rows }) => {
              if (rows > 10_000) killed ??= killAndRevive(own, () => own.kill())
            },
          })
          expect(killed).toBeDefined()
          expect([3, 5]).toContain(report.exit_code)
          expect(report.streams[0]!.error).toMatchObject({ code: 'CONNECTION_LOST' })
          const revive = await killed!
          {
            await using _ = await revive()
            await ends.expectUntouched(report)
            await ends[Symbol.asyncDispose]()
          }
        } finally {
          await own.stop()
        }
      },
      120_000,
    )
  })
})
