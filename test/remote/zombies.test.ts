import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import type { RemoteEvent } from '../../src/remote/remote-event-log.js'
import type { RunReport } from '../../src/run/report.js'
import { type Engine, type EngineName, FaultProxy, settle } from '../../src/testing/index.js'
import { describeWith } from '../setup/engines.js'
import { innodbTransactions } from '../setup/innodb-transactions.js'
import { type BuiltBundle, buildBundle } from '../setup/worker-bundle.js'
import { type RemoteEnds, remoteEnds } from './remote-ends.js'

const ROWS = 8_000
/** Rows are about 1.7 MB and come in batches of 256 KB: after so many bytes of the source a worker has claimed its write and
 * written nothing, or is in the middle of its rows, also where two read a half each. */
const STOP_AFTER = { claimed: 100_000, writing: 1_250_000 }
/** A second, so that nobody has all of its rows at once. */
const SPEED = 500_000
const TEST_MS = 60_000
/** Between two questions to a server, which shows its transactions anew only to who has not asked for a tenth of a second. */
const ASK_MS = 150

/** A worker that was stopped, given up, not killed, and can be woken. */
interface Zombie {
  readonly report: RunReport
  readonly told: readonly RemoteEvent[]
  /** Lets it go on; the code of the error that it ends with, `undefined` for none. */
  wake(): Promise<string | undefined>
}

interface ZombieOptions {
  /** The job whose first attempt is stopped. */
  readonly job: RegExp
  /** When: it has claimed its write and done nothing else, or rows of it are at the target, not committed. */
  readonly at: 'claimed' | 'writing'
  readonly parallel?: number
  /** The successor cannot come to its end before it is woken. */
  readonly inTheWay?: true
}

/** Two databases, a platform, and a source that can be slow. */
class ZombieBench implements AsyncDisposable {
  readonly remote: RemoteEnds
  readonly #to: Engine
  readonly #bundle: BuiltBundle
  readonly #proxy: FaultProxy
  #expected = ''

  private constructor(remote: RemoteEnds, to: Engine, bundle: BuiltBundle, proxy: FaultProxy) {
    this.remote = remote
    this.#to = to
    this.#bundle = bundle
    this.#proxy = proxy
  }

  static async create(from: Engine, to: Engine): Promise<ZombieBench> {
    const bundle = await buildBundle()
    const remote = await remoteEnds(from, to, bundle.folder)
    const { source } = remote.ends
    await source.exec('CREATE TABLE orders (id BIGINT PRIMARY KEY, note VARCHAR(250))')
    for (let at = 0; at < ROWS; at += 1000) {
      const rows = Array.from({ length: 1000 }, (_, i) => `(${at + i}, '${'n'.repeat(200)}${at + i}')`)
      await source.exec(`INSERT INTO orders VALUES ${rows.join(', ')}`)
    }
    const bench = new ZombieBench(remote, to, bundle, await FaultProxy.start(from))
    bench.#expected = JSON.stringify(await source.rows('SELECT * FROM orders ORDER BY id'))
    return bench
  }

  /** A table without a key, in which everybody may insert at one time; nothing else is at the target. */
  async reset(): Promise<void> {
    const { target } = this.remote.ends
    for (const [table] of await this.#tables()) await target.exec(`DROP TABLE ${table}`)
    await target.exec('CREATE TABLE orders (id BIGINT, note VARCHAR(250))')
  }

  /** Runs a stream whose worker is stopped and given up, and is out of reach for those who kill it. */
  async run(stream: object, { job, at, parallel, inTheWay }: ZombieOptions): Promise<Zombie> {
    const { server } = this.remote
    const told: RemoteEvent[] = []
    const before = this.#proxy.counts.bytesToClient
    let stopped: { readonly id: string; readonly done: Promise<void> } | undefined
    const onRemoteEvent = (event: RemoteEvent) => {
      told.push(event)
      const { sandbox, attempt } = event
      if (event.event !== 'remote.secrets_sealed' || attempt !== 1 || !job.test(event.job!)) return
      server.inject({ at: 'kill', kind: 'server-error', times: 'always', sandbox: sandbox! })
      stopped = { id: sandbox!, done: this.#stop(sandbox!, at, before + STOP_AFTER[at]) }
      stopped.done.catch(() => undefined) // it is awaited by who wakes it
    }
    await this.#proxy.behave({ kind: 'throttle', bytesPerSecond: SPEED })
    const { host, port } = this.#proxy
    const running = this.remote.run(
      { orders: stream },
      { onRemoteEvent, source: { host, port }, ...(parallel === undefined ? {} : { parallel }) },
    )
    running.catch(() => undefined) // it may fail while something else is awaited
    const wake = async () => {
      await stopped!.done
      return await this.#wake(stopped!.id)
    }
    if (inTheWay !== true) return { report: await running, told, wake }
    await until(async () => (await this.#waiting()) > 0, ASK_MS)
    const code = await wake()
    return { report: await running, told, wake: async () => code }
  }

  /** All rows are there once, and nothing else is, nor will be. */
  async expectExact(): Promise<void> {
    const { target } = this.remote.ends
    expect(JSON.stringify(await target.rows('SELECT * FROM orders ORDER BY id')) === this.#expected).toBe(true)
  }

  async expectNothingLeft(): Promise<void> {
    await this.remote.expectNothingLeft()
    const { user } = this.remote.ends.target
    expect(await settle(() => this.#to.sessions({ user }), 0, 5_000)).toBe(0)
    expect((await this.#tables()).flat().filter((table) => /part|staging/i.test(table))).toEqual([])
    const marks = await this.remote.ends.target.rows("SELECT stream FROM _airlock_state WHERE stream LIKE '%#part%'")
    expect(marks).toEqual([])
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#proxy.close()
    await this.remote[Symbol.asyncDispose]()
    await this.#bundle[Symbol.asyncDispose]()
  }

  /** Holds the source back in the middle of its rows, and stops the worker once it is seen at the target. */
  async #stop(id: string, at: ZombieOptions['at'], after: number): Promise<void> {
    await until(() => this.#proxy.counts.bytesToClient > after, 5)
    this.#proxy.freeze()
    await until(async () => (await (at === 'writing' ? this.#writing() : this.#claims())) > 0, ASK_MS)
    this.remote.server.signalAll(id, 'SIGSTOP')
    this.#proxy.thaw()
    await this.#proxy.behave({ kind: 'forward' })
  }

  async #wake(id: string): Promise<string | undefined> {
    const { server } = this.remote
    const sandbox = server.sandboxes().find((one) => one.id === id)!
    expect(sandbox.pids.length).toBeGreaterThan(0)
    server.signalAll(id, 'SIGCONT')
    const alive = () => server.sandboxes().find((one) => one.id === id)!.pids.length
    expect(await settle(alive, 0, 30_000)).toBe(0)
    const report = await readFile(join(sandbox.directory, 'home/user/airlock/out/report.json'), 'utf8')
    await server.expireSandbox(id)
    const { streams } = JSON.parse(report) as Pick<RunReport, 'streams'>
    return streams[0]?.error?.code
  }

  /** Tables of the target, quoted. */
  async #tables(): Promise<string[][]> {
    const { target } = this.remote.ends
    const isMysql = this.#to.engine === 'mysql'
    const quoted = isMysql
      ? "concat('`', table_schema, '`.`', table_name, '`')"
      : "format('%I.%I', table_schema, table_name)"
    const own = isMysql ? 'table_schema = DATABASE()' : "table_schema IN (current_schema(), '_airlock_staging')"
    return (await target.rows(`SELECT ${quoted} FROM information_schema.tables WHERE ${own}`)) as string[][]
  }

  async #claims(): Promise<number> {
    if (!(await this.#tables()).flat().some((name) => name.includes('_airlock_state'))) return 0
    return (await this.remote.ends.target.rows("SELECT 1 FROM _airlock_state WHERE stream LIKE '%#fence'")).length
  }

  /** Transactions that have written something and are open. */
  async #writing(): Promise<number> {
    const { target } = this.remote.ends
    const query =
      this.#to.engine === 'mysql'
        ? innodbTransactions(target.user)
        : `SELECT 1 FROM pg_stat_progress_copy JOIN pg_stat_activity USING (pid)
            WHERE usename = '${target.user}' AND command = 'COPY FROM' AND tuples_processed > 100`
    return (await target.rows(query, 'admin')).length
  }

  /** Sessions that wait for a lock. */
  async #waiting(): Promise<number> {
    const { target } = this.remote.ends
    const query =
      this.#to.engine === 'mysql'
        ? innodbTransactions(target.user, "t.trx_state = 'LOCK WAIT'")
        : `SELECT 1 FROM pg_stat_activity WHERE usename = '${target.user}' AND wait_event_type = 'Lock'`
    return (await target.rows(query, 'admin')).length
  }
}

async function until(is: () => boolean | Promise<boolean>, pauseMs: number): Promise<void> {
  const latest = performance.now() + 30_000
  while (!(await is())) {
    if (performance.now() > latest) throw new Error('what was waited for has not come')
    await sleep(pauseMs)
  }
}

const GIVEN_UP = expect.arrayContaining(['remote.heartbeat_lost', 'sandbox.kill_failed'])

for (const [from, to] of [
  ['mysql', 'postgres'],
  ['postgres', 'mysql'],
] as const satisfies readonly (readonly [EngineName, EngineName])[]) {
  describeWith([from, to], `a worker that comes back to ${to}`, (engines: Record<string, Engine>) => {
    let bench: ZombieBench
    beforeAll(async () => {
      bench = await ZombieBench.create(engines[from]!, engines[to]!)
    }, TEST_MS)
    afterAll(() => bench?.[Symbol.asyncDispose]())
    beforeEach(() => bench.reset())

    const ends = async ({ report, told, wake }: Zombie) => {
      expect(report).toMatchObject({ status: 'ok', rows_written: ROWS })
      expect(told.map(({ event }) => event)).toEqual(GIVEN_UP)
      await bench.expectExact()
      return await wake()
    }

    it.each([
      ['append', 'claimed'],
      ['append', 'writing'],
      ['replace', 'claimed'],
    ] as const)('commits nothing of its %s, stopped when %s', { timeout: TEST_MS }, async (mode, at) => {
      expect(await ends(await bench.run({ mode }, { job: /^all$/, at }))).toBe('FENCED')
      await bench.expectExact()
      await bench.expectNothingLeft()
    })

    it.runIf(to === 'postgres')(
      'commits nothing of its replace, for whose locks its successor waits',
      { timeout: TEST_MS },
      async () => {
        const zombie = await bench.run({ mode: 'replace' }, { job: /^all$/, at: 'writing', inTheWay: true })
        expect(await ends(zombie)).toBe('FENCED')
        await bench.expectExact()
        await bench.expectNothingLeft()
      },
    )

    it.runIf(to === 'postgres')(
      'disturbs no table that was divided, nor the next run, by its range',
      { timeout: TEST_MS },
      async () => {
        const stream = { mode: 'append', partition_by: { column: 'id', ranges: 2 } }
        const zombie = await bench.run(stream, { job: /^p1-/, at: 'writing', parallel: 2 })
        expect(await ends(zombie)).toBe('FENCED')
        await bench.expectExact()
        const next = await bench.remote.run({ orders: { ...stream, mode: 'replace' } }, { parallel: 2 })
        expect(next).toMatchObject({ status: 'ok', streams: [{ ranges: { total: 2, skipped: 0 } }] })
        await bench.expectExact()
        await bench.expectNothingLeft()
      },
    )
  })
}
