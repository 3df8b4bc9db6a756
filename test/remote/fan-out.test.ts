import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import type { RemoteEvent } from '../../src/remote/remote-event-log.js'
import type { E2BFault, E2BFaultHandle } from '../../src/testing/index.js'
import { describeWith } from '../setup/engines.js'
import { FaultBench, HEALTHY, STREAMS } from './fault-bench.js'
import { FAULT_KINDS, isSilent, randomOf } from './random-faults.js'

/** Statistics of the source are estimates, and only a table of 100,000 rows is divided. */
const ROWS = 130_000
const TEST_MS = 240_000
const FOUR = { parallel: 4, times: { silentBeats: 50 }, longestMs: 200_000 }

const DIVIDED = { orders: { ...STREAMS.orders, partition_by: { column: 'id', ranges: 8 } } }
/** Of the faults at random; the same for the same number. */
const SEED = Number(process.env['AIRLOCK_REMOTE_SEED'] ?? 1)
const HEALTH: readonly string[] = HEALTHY

describeWith(['mysql', 'postgres'], 'a table that is divided among sandboxes', (engines) => {
  let bench: FaultBench
  beforeAll(async () => {
    bench = await FaultBench.create(engines.mysql, engines.postgres, ROWS)
    await bench.remote.ends.source.exec('ANALYZE TABLE orders')
  }, TEST_MS)
  afterAll(() => bench?.[Symbol.asyncDispose]())
  beforeEach(() => bench.reset())

  it('arrives whole, and leaves neither marks nor tables', { timeout: TEST_MS }, async () => {
    const run = await bench.run([], FOUR)
    expect(run.report).toMatchObject({
      status: 'ok',
      rows_written: ROWS,
      streams: [{ ranges: { total: 4, skipped: 0 } }],
    })
    expect(run.report.remote).toMatchObject({ jobs: 5, sandboxes: 5 })
    await bench.expectAllOrNothing(run)
    expect(await bench.kept()).toMatchObject({ tables: 0, marks: [] })
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
    const kept = await bench.kept()
    expect([kept.tables, kept.marks.length]).toEqual([3, 3])
    const next = await bench.run([], FOUR)
    expect(next.report).toMatchObject({ status: 'ok', streams: [{ ranges: { total: 4, skipped: 3 } }] })
    expect(next.report.streams[0]!.notes).toContain('3 ranges are as an earlier attempt has read them')
    await bench.expectAllOrNothing(next)
    expect(await bench.kept()).toMatchObject({ tables: 0, marks: [] })
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
    expect(await bench.kept()).toMatchObject({ tables: 0, marks: [] })
  })
})

describeWith(['mysql', 'postgres'], 'twelve streams', (engines) => {
  let bench: FaultBench
  beforeAll(async () => {
    bench = await FaultBench.create(engines.mysql, engines.postgres)
  })
  afterAll(() => bench?.[Symbol.asyncDispose]())

  const NAMES = Array.from({ length: 12 }, (_, index) => `t${index}`)
  const TWELVE = Object.fromEntries(NAMES.map((name) => [name, STREAMS.orders]))
  beforeAll(async () => {
    for (const name of NAMES) await bench.remote.ends.source.exec(`CREATE TABLE ${name} AS SELECT * FROM orders`)
    await bench.remote.ends.run({ ...TWELVE, ...STREAMS })
    for (const name of ['orders', ...NAMES]) expected.set(name, await bench.contents(name))
  })
  beforeEach(() => clear())

  /** As a run on this machine writes them: a token is that of its stream. */
  const expected = new Map<string, string | undefined>()
  const clear = async () => {
    await bench.reset()
    for (const name of NAMES) await bench.remote.ends.target.exec(`DROP TABLE IF EXISTS ${name}`)
  }

  /** The sandbox of every fifth job gets a fault as soon as it is there, none of which its job may not survive. */
  const everyFifth = (seed: number) => {
    const random = randomOf(seed)
    const kinds = FAULT_KINDS.filter(([at]) => !['create', 'list', 'reattach'].includes(at))
    const faults: E2BFaultHandle[] = []
    let jobs = Math.floor(random() * 5)
    const onRemoteEvent = ({ event, attempt, sandbox }: RemoteEvent) => {
      if (event !== 'sandbox.created' || attempt !== 1 || jobs++ % 5 !== 0) return
      const [at, kind] = kinds[Math.floor(random() * kinds.length)]!
      const place = at === 'stream' ? { after: Math.floor(random() * 1200) } : {}
      faults.push(bench.remote.server.inject({ at, kind, sandbox: sandbox!, ...place } as E2BFault))
    }
    return { faults, onRemoteEvent }
  }

  it.each([
    ['twelve streams', { streams: TWELVE, parallel: 12 }],
    ['a divided table', { streams: DIVIDED, parallel: 8 }],
  ])('%s have every row once where every fifth sandbox fails', { timeout: TEST_MS }, async (_, options) => {
    for (const seed of [SEED, SEED + 1]) {
      await clear()
      const { faults, onRemoteEvent } = everyFifth(seed)
      const further = { settings: { concurrent: 4 }, times: { silentBeats: 50 }, longestMs: 120_000 }
      const run = await bench.run([], { ...options, ...further, onRemoteEvent, leaves: true })
      const fired = faults.filter(({ hits }) => hits > 0).map(({ fault }) => fault)
      const told = `AIRLOCK_REMOTE_SEED=${seed}: ${JSON.stringify(fired)} ${run.beyond.join()}`
      expect(run.report.status, told).toBe('ok')
      for (const table of Object.keys(options.streams))
        expect(await bench.contents(table), told).toBe(expected.get(table))
      await bench.expectLeftOnRecord(run, told)
      await bench.expectSessionsGone()
      expect(await bench.kept(), told).toMatchObject({ tables: 0, marks: [] })
      // Each has an event of the sandbox that it happened to.
      for (const fault of fired.filter((one) => !isSilent(one))) {
        const own = run.told.filter(({ event, sandbox }) => sandbox === fault.sandbox && !HEALTH.includes(event))
        expect(own, told).not.toEqual([])
      }
    }
  })

  it('have at most four sandboxes at one time, and every row', { timeout: TEST_MS }, async () => {
    const { server } = bench.remote
    let most = 0
    const onRemoteEvent = () => {
      most = Math.max(most, server.sandboxes().length)
    }
    const run = await bench.run([], { streams: TWELVE, parallel: 12, settings: { concurrent: 4 }, onRemoteEvent })
    expect(run.report).toMatchObject({ status: 'ok', rows_written: 12 * 300 })
    expect(most).toBe(4)
  })
})
