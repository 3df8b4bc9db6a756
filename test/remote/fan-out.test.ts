import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import type { RemoteEvent } from '../../src/remote/remote-event-log.js'
import type { E2BFault } from '../../src/testing/index.js'
import { describeWith } from '../setup/engines.js'
import { FaultBench, STREAMS } from './fault-bench.js'

/** Statistics of the source are estimates, and only a table of 100,000 rows is divided. */
const ROWS = 130_000
const TEST_MS = 240_000
const FOUR = { parallel: 4, times: { silentBeats: 50 } }

describeWith(['mysql', 'postgres'], 'a table that is divided among sandboxes', (engines) => {
  let bench: FaultBench
  beforeAll(async () => {
    bench = await FaultBench.create(engines.mysql, engines.postgres, ROWS)
    await bench.remote.ends.source.exec('ANALYZE TABLE orders')
  }, TEST_MS)
  afterAll(() => bench?.[Symbol.asyncDispose]())
  beforeEach(() => bench.reset())

  /** Staging tables, and marks of ranges. */
  const left = async () => {
    const { target } = bench.remote.ends
    const tables = await target.rows(
      "SELECT table_name FROM information_schema.tables WHERE table_name LIKE '%airlock_part%'",
    )
    const marks = await target.rows("SELECT stream FROM _airlock_state WHERE stream LIKE '%#part-%'")
    return { tables: tables.length, marks: marks.length }
  }

  it('arrives whole, and leaves neither marks nor tables', { timeout: TEST_MS }, async () => {
    const run = await bench.run([], FOUR)
    expect(run.report).toMatchObject({
      status: 'ok',
      rows_written: ROWS,
      streams: [{ ranges: { total: 4, skipped: 0 } }],
    })
    expect(run.report.remote).toMatchObject({ jobs: 5, sandboxes: 5 })
    await bench.expectAllOrNothing(run)
    expect(await left()).toEqual({ tables: 0, marks: 0 })
  })

  it('fails with a range that fails for good; the next run takes over the others', { timeout: TEST_MS }, async () => {
    const { server } = bench.remote
    // The jobs are created in any order; what belongs to one of them has its name in its metadata.
    const onRemoteEvent = ({ event, job, sandbox }: RemoteEvent) => {
      if (event === 'sandbox.created' && job?.startsWith('p2-') === true) {
        server.inject({ at: 'start', kind: 'server-error', times: 'always', sandbox: sandbox! } satisfies E2BFault)
      }
    }
    const run = await bench.run([], { ...FOUR, onRemoteEvent })
    expect(run.report).toMatchObject({ status: 'failed', exit_code: 5, rows_written: 0 })
    expect(run.beyond).toEqual(['partition.lost', 'remote.start_failed'])
    expect(await bench.contents()).toBeUndefined()
    expect(await left()).toEqual({ tables: 3, marks: 3 })
    const next = await bench.run([], FOUR)
    expect(next.report).toMatchObject({ status: 'ok', streams: [{ ranges: { total: 4, skipped: 3 } }] })
    await bench.expectAllOrNothing(next)
    expect(await left()).toEqual({ tables: 0, marks: 0 })
  })

  it('has every row once where workers and answers are lost', { timeout: TEST_MS }, async () => {
    const faults: readonly E2BFault[] = [
      { at: 'create', kind: 'reply-lost' },
      { at: 'stream', kind: 'sandbox-killed', after: 800, skip: 1 },
      { at: 'stream', kind: 'process-killed', after: 1200, skip: 3 },
      { at: 'download', kind: 'not-found', path: /manifest/, times: 3 },
    ]
    const run = await bench.run(faults, FOUR)
    expect(run.report).toMatchObject({ status: 'ok', rows_written: ROWS })
    await bench.expectAllOrNothing(run)
    // Tables of lost attempts too.
    expect(await left()).toEqual({ tables: 0, marks: 0 })
  })
})

describeWith(['mysql', 'postgres'], 'twelve streams', (engines) => {
  let bench: FaultBench
  beforeAll(async () => {
    bench = await FaultBench.create(engines.mysql, engines.postgres)
  })
  afterAll(() => bench?.[Symbol.asyncDispose]())

  it('have at most four sandboxes at one time, and every row', { timeout: TEST_MS }, async () => {
    const { server, ends } = bench.remote
    const names = Array.from({ length: 12 }, (_, index) => `t${index}`)
    for (const name of names) await ends.source.exec(`CREATE TABLE ${name} AS SELECT * FROM orders`)
    let most = 0
    const onRemoteEvent = () => {
      most = Math.max(most, server.sandboxes().length)
    }
    const streams = Object.fromEntries(names.map((name) => [name, STREAMS.orders]))
    const run = await bench.run([], { streams, parallel: 12, settings: { concurrent: 4 }, onRemoteEvent })
    expect(run.report).toMatchObject({ status: 'ok', rows_written: 12 * 300 })
    expect(most).toBe(4)
  })
})
