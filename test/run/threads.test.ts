import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { type Engine, type EngineName, FaultProxy } from '../../src/testing/index.js'
import { calmLine, type Ended, envelope, type Running, start } from '../cli/airlock.js'
import { type Project, project } from '../cli/project.js'
import { describeWith } from '../setup/engines.js'
import { innodbTransactions } from '../setup/innodb-transactions.js'
import { twoEnds } from './two-ends.js'

const ROWS = 20_000
const TIMEOUT = 120_000
const RUN = ['run', 'nightly.yaml', '--parallel', '3', '--threads'] as const
const STREAM = { partition_by: { column: 'id', ranges: 5 }, mask: { email: 'tokenize' } }

/** What `--json` says of a run. */
type Reported = Record<string, unknown> & { streams: Record<string, unknown>[] }

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

/** Ends the first thread that has told its target to commit a range, before it can hear the answer. */
const ENDS_AFTER_COMMIT = `
const { isMainThread } = require('node:worker_threads')
const { existsSync, writeFileSync } = require('node:fs')
const { Duplex } = require('node:stream')
if (!isMainThread) {
  const write = Duplex.prototype.write
  Duplex.prototype.write = function (chunk, ...rest) {
    // The mark of a range is the last that is written before its commit.
    const saves = Buffer.isBuffer(chunk) && chunk.includes('_airlock_state') && chunk.includes('INSERT INTO')
    this.hasSaved ||= saves
    const commits = this.hasSaved && Buffer.isBuffer(chunk) && chunk.includes('COMMIT')
    if (!commits || existsSync(__filename + '.done')) return write.call(this, chunk, ...rest)
    writeFileSync(__filename + '.done', '')
    const sent = write.call(this, chunk, ...rest)
    setTimeout(() => process.exit(1), 0)
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300)
    return sent
  }
}`

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

  // Seen red where the range was read again, into the same table: CONSTRAINT_VIOLATED.
  it('are not read again when a thread ends that may have committed; the next run takes over', {
    timeout: TIMEOUT,
  }, async () => {
    await using here = await accounts(engines)
    const hook = await here.write('ends.cjs', ENDS_AFTER_COMMIT)
    const via = ([node, ...rest]: readonly string[]) => [node!, '--require', hook, ...rest] as const
    const ended = await here.run([...RUN, '--json'], { via })
    const first = (JSON.parse(ended.stdout) as { data: Reported }).data
    expect(first.streams[0]).toMatchObject({ status: 'failed', attempts: 1, error: { code: 'OUTCOME_UNKNOWN' } })
    const { data } = envelope(await here.run([...RUN, '--json'])) as { data: Reported }
    expect(data).toMatchObject({ status: 'ok', rows_written: ROWS })
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

describeWith(['postgres'], 'ranges of Postgres that are read by threads', ({ postgres }) => {
  // Seen red where a thread imported the snapshot with each range: CONNECTION_LOST, and no further attempt.
  it('arrive though the session that exports the snapshot is lost', { timeout: TIMEOUT }, async () => {
    await using ends = await twoEnds(postgres, postgres)
    await ends.source.exec(`CREATE TABLE orders (id INT PRIMARY KEY, note TEXT);
      INSERT INTO orders SELECT n, repeat('n', 100) || n FROM generate_series(1, ${ROWS}) n`)
    await using link = await FaultProxy.start(postgres, { kind: 'throttle', bytesPerSecond: 150_000 })
    await ends.configure({ source: { port: link.port } })
    await using space = await ends.open()
    await ends.pipeline(space, { orders: { mode: 'replace', partition_by: STREAM.partition_by } })
    const { child, ended } = start([...RUN, '--json'], { cwd: ends.folder, env: ends.env })
    const until = async (is: () => Promise<boolean>) => {
      while (!(await is())) {
        if (child.exitCode !== null) throw new Error(`the run ended before: ${(await ended).text}`)
        await sleep(50)
      }
    }
    const kept = "SELECT to_regclass('_airlock_state') IS NOT NULL"
    await until(async () => (await ends.target.rows(kept))[0]?.[0] === 't')
    const holding = `FROM pg_stat_activity WHERE usename = '${ends.source.user}' AND query LIKE '%pg_export_snapshot%'`
    const ending = await ends.source.rows(`SELECT pg_terminate_backend(pid) ${holding}`, 'admin')
    expect(ending).toEqual([['t']])
    const { data } = envelope(await ended) as { data: Reported }
    expect(data).toMatchObject({ status: 'ok', rows_written: ROWS })
    expect(await ends.target.rows('SELECT count(*), count(DISTINCT id) FROM orders')).toEqual([
      [String(ROWS), String(ROWS)],
    ])
  })
})
