import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { type Engine, type EngineName, FaultProxy } from '../../src/testing/index.js'
import { calmLine, type Ended, envelope, type Running } from '../cli/airlock.js'
import { type Project, project } from '../cli/project.js'
import { describeWith } from '../setup/engines.js'
import { innodbTransactions } from '../setup/innodb-transactions.js'

const ROWS = 20_000
const TIMEOUT = 120_000
const RUN = ['run', 'nightly.yaml', '--parallel', '3', '--threads'] as const
const STREAM = { partition_by: { column: 'id', ranges: 5 }, mask: { email: 'tokenize' } }

/** The table of the project with a key, an amount that is moved about, and rows that take a while through a slow link. */
async function accounts(engines: Record<EngineName, Engine>): Promise<Project> {
  const made = await project(engines, ROWS)
  await made.source.exec('ALTER TABLE orders ADD amount INT NOT NULL DEFAULT 1000')
  await made.pipeline(STREAM)
  return made
}

/** Through a link that gives a test the time to do something meanwhile. */
async function slowly(here: Project, engine: Engine, bytesPerSecond = 150_000): Promise<FaultProxy> {
  const proxy = await FaultProxy.start(engine, { kind: 'throttle', bytesPerSecond })
  await here.configure({ shop: { port: proxy.port } })
  return proxy
}

const totals = async ({ target }: Project) =>
  (await target.rows('SELECT count(*), count(DISTINCT id), sum(amount) FROM orders', 'admin'))[0]

/** Staging tables that are left at the target. */
const staged = async ({ target }: Project) =>
  (await target.rows("SELECT count(*) FROM pg_tables WHERE tablename LIKE '\\_airlock\\_part%'", 'admin'))[0]?.[0]

/** The sessions that read ranges of the source. */
const reading = async ({ source }: Project) =>
  await source.rows(innodbTransactions(source.user, 't.trx_is_read_only'), 'admin')

/** Waits until several threads read. */
async function untilReading(here: Project, { child, ended }: Running): Promise<void> {
  while ((await reading(here)).length < 2) {
    if (child.exitCode !== null) throw new Error(`the run ended before: ${(await ended).text}`)
    await sleep(250)
  }
}

describeWith(['mysql', 'postgres'], 'ranges that are read by threads', (engines) => {
  // Seen red where a thread did not enter the snapshot.
  it('are one state of a table that changes, masked, counted and closed', { timeout: TIMEOUT }, async () => {
    await using here = await accounts(engines)
    await using _link = await slowly(here, engines.mysql)
    const running = here.start([...RUN, '--json'])
    let ended: Ended | undefined
    running.ended.then(
      (result) => {
        ended = result
      },
      () => undefined,
    )
    let moved = 0
    for (; ended === undefined; moved++) {
      // From the first range to the last: one that is read later has more.
      const [less, more] = [1 + (moved % 500), ROWS - (moved % 500)]
      await here.source.exec(`START TRANSACTION; UPDATE orders SET amount = amount - 7 WHERE id = ${less};
        UPDATE orders SET amount = amount + 7 WHERE id = ${more}; COMMIT`)
    }
    const { data } = envelope(ended) as { data: Record<string, unknown> & { streams: Record<string, unknown>[] } }
    expect(data).toMatchObject({ status: 'ok', rows_read: ROWS, rows_masked: ROWS, rows_written: ROWS })
    // Three pairs, one session that held the snapshot, one pair and a reader for the commit.
    const { opened, closed } = data['connections'] as { opened: number; closed: number }
    expect([opened >= 7, opened - closed]).toEqual([true, 0])
    expect(data.streams[0]).toMatchObject({ ranges: { total: 5, skipped: 0 } })
    expect(JSON.stringify(data.streams[0]!['notes'])).toContain('all ranges were read in one snapshot')
    expect(moved).toBeGreaterThan(10)
    expect(await totals(here)).toEqual([String(ROWS), String(ROWS), String(ROWS * 1000)])
    expect(await here.target.rows("SELECT count(*) FROM orders WHERE email LIKE '%@example.com'", 'admin')).toEqual([
      ['0'],
    ])
    expect([await staged(here), await here.sessions()]).toEqual(['0', 0])
    expect(here.canaries.in(`${ended.text}\n${await here.home()}`)).toEqual([])
  })

  it('go on with the others when a thread loses its session', { timeout: TIMEOUT }, async () => {
    await using here = await accounts(engines)
    await using _link = await slowly(here, engines.mysql)
    const running = here.start([...RUN, '--json'])
    await untilReading(here, running)
    const [[id] = []] = await reading(here)
    await here.source.exec(`KILL ${id}`, 'admin')
    const ended = await running.ended
    const { data } = envelope(ended) as { data: Record<string, unknown> & { streams: Record<string, unknown>[] } }
    expect(data).toMatchObject({ status: 'ok', rows_written: ROWS })
    expect(data.streams[0]).toMatchObject({ attempts: 1 })
    expect(await totals(here)).toEqual([String(ROWS), String(ROWS), String(ROWS * 1000)])
    expect([await staged(here), await here.sessions()]).toEqual(['0', 0])
  })

  it('end with one line where no server is left, and nothing stays open', { timeout: TIMEOUT }, async () => {
    await using here = await accounts(engines)
    await using link = await slowly(here, engines.mysql)
    const running = here.start([...RUN, '--retries', '0'])
    await untilReading(here, running)
    await link[Symbol.asyncDispose]()
    const ended = await running.ended
    expect(ended.code).not.toBe(0)
    expect(ended.stderr).toMatch(/orders: airlock: CONNECT\w+(?: \(\w+\))? at shop: /)
    expect(here.canaries.in(`${ended.text}\n${await here.home()}`)).toEqual([])
    expect(await here.sessions()).toBe(0)
    expect((await here.target.rows("SELECT to_regclass('orders')", 'admin'))[0]).toEqual([null])
  })

  it('end when somebody presses Ctrl-C', { timeout: TIMEOUT }, async () => {
    await using here = await accounts(engines)
    await using _link = await slowly(here, engines.mysql)
    const running = here.start(RUN)
    await untilReading(here, running)
    running.child.kill('SIGINT')
    const ended = await running.ended
    expect(ended.code).toBe(130)
    expect(await here.sessions()).toBe(0)
    expect((await here.target.rows("SELECT to_regclass('orders')", 'admin'))[0]).toEqual([null])
  })

  it('are refused with the line of a login that is wrong, once', { timeout: TIMEOUT }, async () => {
    await using here = await accounts(engines)
    const ended = await here.run(RUN, { env: { WAREHOUSE_PASSWORD: 'not this one' } })
    expect(ended.code).toBe(3)
    expect(calmLine(ended, 'AUTH_FAILED')).toContain('warehouse')
  })
})
