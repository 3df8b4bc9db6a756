import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import type { E2BFault } from '../../src/testing/index.js'
import { describeWith } from '../setup/engines.js'
import { FaultBench } from './fault-bench.js'
import { FAULT_KINDS, isSilent, randomOf } from './random-faults.js'

const RUNS = Number(process.env['AIRLOCK_REMOTE_RUNS'] ?? 15)
const SEED = Number(process.env['AIRLOCK_REMOTE_SEED'] ?? 1)
const BATCH = 5

function compose(seed: number): readonly E2BFault[] {
  const random = randomOf(seed * 7919)
  const below = (most: number) => Math.floor(random() * most)
  return Array.from({ length: 2 + below(2) }, () => {
    const [at, kind] = FAULT_KINDS[below(FAULT_KINDS.length)]!
    const times = 1 + below(2)
    const skip = below(4) === 0 ? 1 : 0
    const place = at === 'stream' ? { after: below(1200) } : {}
    return { at, kind, times, skip, ...place } as E2BFault
  })
}

describeWith(['mysql', 'postgres'], 'faults at random', (engines) => {
  let bench: FaultBench
  beforeAll(async () => {
    bench = await FaultBench.create(engines.mysql, engines.postgres, 60)
  })
  afterAll(() => bench?.[Symbol.asyncDispose]())
  beforeEach(() => bench.reset())

  const seeds = Array.from({ length: RUNS }, (_, index) => SEED + index)
  const batches = Array.from({ length: Math.ceil(RUNS / BATCH) }, (_, at) => seeds.slice(at * BATCH, (at + 1) * BATCH))
  it.each(batches.map((batch) => [batch]))(
    'never end well with a wrong byte, nor without a word: %j',
    { timeout: 180_000 },
    async (batch) => {
      for (const seed of batch) {
        await bench.reset()
        const faults = compose(seed)
        const told = `seed ${seed}: ${JSON.stringify(faults)}`
        const run = await bench.run(faults, { leaves: true })
        await bench.expectAllOrNothing(run)
        await bench.expectLeftOnRecord(run, told)
        const fired = run.faults.filter(({ fault, hits }) => hits > 0 && !isSilent(fault))
        if (fired.length > 0) expect(run.beyond, told).not.toEqual([])
        process.stderr.write(
          process.env['AIRLOCK_REMOTE_RUNS'] === undefined
            ? ''
            : `@@ ${seed} ${run.report.status} ${run.faults.map(({ hits }) => hits).join()}\n`,
        )
      }
    },
  )
})
