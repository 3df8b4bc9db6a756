import { afterAll, beforeAll, expect, it } from 'vitest'
import { FaultBench, STREAMS } from '../../remote/fault-bench.js'
import { describeWith } from '../../setup/engines.js'

describeWith(['mysql', 'postgres'], 'a run of twelve streams', (engines) => {
  let bench: FaultBench
  beforeAll(async () => {
    bench = await FaultBench.create(engines.mysql, engines.postgres)
  })
  afterAll(() => bench?.[Symbol.asyncDispose]())

  // Seen red without a signal for each job: eleven listeners at the one of the run.
  it('warns of no listeners that are too many', { timeout: 240_000 }, async () => {
    const warnings: string[] = []
    // What else this process is warned of is nothing of the run's.
    const onWarning = ({ name, message }: Error) => {
      if (name === 'MaxListenersExceededWarning') warnings.push(message)
    }
    process.on('warning', onWarning)
    try {
      const names = Array.from({ length: 12 }, (_, index) => `t${index}`)
      for (const name of names) await bench.remote.ends.source.exec(`CREATE TABLE ${name} AS SELECT * FROM orders`)
      const streams = Object.fromEntries(names.map((name) => [name, STREAMS.orders]))
      const run = await bench.run([], { streams, parallel: 12, settings: { concurrent: 4 } })
      expect(run.report).toMatchObject({ status: 'ok', rows_written: 12 * 300 })
    } finally {
      process.off('warning', onWarning)
    }
    expect(warnings).toEqual([])
  })
})
