import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { WritePlan } from '../../src/core/driver.js'
import type { ManagedSession } from '../../src/core/managed-session.js'
import { countSockets, FaultProxy, settle, type TestDatabase } from '../../src/testing/index.js'
import { describeWith } from '../setup/engines.js'
import { innodbTransactions } from '../setup/innodb-transactions.js'
import { whileLocked } from '../setup/while-locked.js'
import { gated } from './gated.js'
import { canStart, startPrivate } from './private.js'
import { batches, column, numbers } from './rows.js'
import { driverOf, failure, open, settings, timed } from './support.js'

const PLANS: readonly (Omit<WritePlan, 'table'> & { readonly title: string })[] = [
  { title: 'append', mode: 'append' },
  { title: 'replace', mode: 'replace' },
  { title: 'replace by swap', mode: 'replace', strategy: 'swap' },
  { title: 'merge', mode: 'merge' },
  { title: 'delete+insert', mode: 'delete+insert', cursor: 'id' },
]

describeWith(['mysql'], 'a MySQL target in trouble', ({ mysql: engine }) => {
  let to: TestDatabase
  beforeAll(async () => {
    to = await engine.createDatabase('faults')
  })
  afterAll(() => to.drop())
  beforeEach(async () => {
    // A swap whose connection was cut leaves its new table, which the next swap of the same table would drop.
    const left = await to.rows("SHOW TABLES LIKE '\\_airlock%'")
    await to.exec(`DROP TABLE IF EXISTS ${['t', 'made', ...left.map(([name]) => name)].join(', ')};
      CREATE TABLE t (id int NOT NULL PRIMARY KEY, CONSTRAINT most CHECK (id < 400000)); INSERT INTO t VALUES (-1)`)
  })

  const expectUntouched = async () => {
    expect(await settle(() => engine.sessions({ database: to.name }), 0, 3_000)).toBe(0)
    expect(await settle(() => countSockets(engine.port), 0, 3_000)).toBe(0)
    expect(await to.rows('SELECT * FROM t')).toEqual([['-1']])
  }
  const running = async () => {
    const [row] = await to.rows(
      `SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE USER = '${to.user}' AND COMMAND = 'Query'`,
      'admin',
    )
    return Number(row?.[0])
  }
  const untilWaiting = async () => {
    const list = innodbTransactions(to.user, "t.trx_state = 'LOCK WAIT'")
    await expect.poll(() => to.rows(list, 'admin'), { interval: 250, timeout: 10_000 }).toHaveLength(1)
  }

  describe.each(PLANS)('in mode $title', ({ title: _, ...plan }) => {
    it('meets a constraint in the last row: nothing is there', async () => {
      await using target = await open(engine, to)
      const error = await failure(target.write({ table: 't', ...plan }, numbers('id', 1000, 399_001)))
      expect([error.code, error.origin]).toEqual(['CONSTRAINT_VIOLATED', expect.stringMatching(/^MYSQL_(4025|3819)$/)])
      await target.ping()
      await target.close()
      await expectUntouched()
      expect(await to.rows("SHOW TABLES LIKE '\\_airlock%'")).toEqual([])
    })

    it('has its session ended', async () => {
      await using target = await open(engine, to)
      const source = gated(numbers('id', 300_000), 120)
      const write = failure(target.write({ table: 't', ...plan }, source.batches), 'CONNECTION_LOST')
      await source.reached
      await engine.endSessions({ user: to.user })
      source.open()
      await write
      await failure(target.ping(), 'CONNECTION_LOST')
      await target.close()
      await expectUntouched()
    })

    it('is aborted while rows flow: rolled back, the session goes on', async () => {
      await using target = await open(engine, to)
      const stop = new AbortController()
      const source = gated(numbers('id', 300_000), 120)
      const write = failure(target.write({ table: 't', ...plan }, source.batches, stop.signal), 'ABORTED')
      await source.reached
      stop.abort()
      source.open()
      await write
      expect(await settle(running, 0, 2_000)).toBe(0)
      await target.ping()
      await target.write({ table: 'made', mode: 'append' }, numbers('id', 10))
      await target.close()
      await expectUntouched()
    })

    it.each(['rst', 'fin'] as const)('is cut off in the middle (%s)', async (how) => {
      const cut = { kind: 'cut', direction: 'toServer', afterBytes: 300_000, how } as const
      await using proxy = await FaultProxy.start(engine, cut)
      await using target = await open(engine, to, { via: proxy })
      await failure(target.write({ table: 't', ...plan }, numbers('id', 300_000)), 'CONNECTION_LOST')
      await target.close()
      await proxy.close()
      await expectUntouched()
    })

    // Seen red without the look at the connection around COMMIT: it was CONNECTION_LOST, which says that nothing was committed.
    it('is lost while it commits: nobody claims to know what became of the rows', async () => {
      await using proxy = await FaultProxy.start(engine)
      await using target = await open(engine, to, { via: proxy })
      const beforeCommit = () => {
        proxy.freeze()
        setTimeout(() => proxy.cut('rst'), 200)
      }
      const write = target.write({ table: 't', ...plan, beforeCommit }, numbers('id', 10))
      const { code } = await failure(write)
      // Of a swap only the RENAME decides; what comes before it is undone by the next run.
      expect(code).toBe(plan.strategy === 'swap' ? 'CONNECTION_LOST' : 'OUTCOME_UNKNOWN')
      await target.close()
      await proxy.close()
      await expectUntouched()
    })
  })

  it('is aborted while it waits for a lock: the statement is cancelled, the session goes on', async () => {
    await using target = await open(engine, to)
    await whileLocked(engine, to, 'SELECT * FROM t FOR UPDATE', async () => {
      const stop = new AbortController()
      const write = failure(target.write({ table: 't', mode: 'replace' }, numbers('id', 10), stop.signal), 'ABORTED')
      await untilWaiting()
      stop.abort()
      await write
      await target.ping()
      await target.close()
    })
    await expectUntouched()
  })

  it('waits for a lock as long as the server lets it, and no longer', async () => {
    await using target = await open(engine, to)
    const slow = gated(numbers('id', 3000), 2)
    const write = failure(target.write({ table: 't', mode: 'append' }, slow.batches), 'STATEMENT_TIMEOUT')
    await slow.reached
    await whileLocked(engine, to, 'INSERT INTO t VALUES (2999)', async () => {
      slow.open()
      await untilWaiting()
      const rows = await to.rows(`SELECT ID FROM information_schema.PROCESSLIST WHERE USER = '${to.user}'`, 'admin')
      await to.exec(`KILL QUERY ${rows[0]?.[0]}`, 'admin')
      expect((await write).origin).toBe('MYSQL_1317')
    })
    await target.close()
    await expectUntouched()
  })

  it('ends as the victim of a deadlock: rolled back, and said so', async () => {
    await to.exec('INSERT INTO t VALUES (1), (2)')
    const changing = async (rows: readonly string[]) => {
      const target = await open(engine, to)
      const source = gated(numbers('id', 2000), 1)
      return { target, source, rows }
    }
    const { target, source } = await changing(['1'])
    // The other session holds row 2000 and then wants row 1, which the write has; the write wants 2000.
    const write = target.write({ table: 't', mode: 'replace' }, source.batches).then(
      () => undefined,
      (error: unknown) => error,
    )
    await source.reached
    const other = to.exec('BEGIN; UPDATE t SET id = id WHERE id = 1; ROLLBACK', 'admin').then(
      () => undefined,
      (error: unknown) => error,
    )
    await sleep(300)
    source.open()
    const [mine] = await Promise.all([write, other])
    // Who has to wait and who is chosen is the server's: either all of the write is there, or none of it.
    const [[count]] = (await to.rows('SELECT COUNT(*) FROM t')) as [[string]]
    expect(count).toBe(mine === undefined ? '2000' : '3')
    await target.close()
  })

  it('ends although its source hangs: a session that is gone is not waited for', async () => {
    await using target = await open(engine, to)
    const source = gated(numbers('id', 5000), 2)
    const write = failure(target.write({ table: 't', mode: 'append' }, source.batches), 'CONNECTION_LOST')
    await source.reached
    await engine.endSessions({ user: to.user })
    expect((await timed(() => write)).ms).toBeLessThan(10_000)
    source.open()
    await target.close()
    await expectUntouched()
  })

  it('takes a table that it has created away again when the load fails', async () => {
    await using target = await open(engine, to)
    const broken = async function* () {
      yield* numbers('id', 1000)
      throw new RangeError('of the source')
    }
    for (const { title: _, ...plan } of PLANS) {
      await failure(target.write({ table: 'made', ...plan }, broken()))
      expect(await to.rows("SHOW TABLES LIKE 'made'")).toEqual([])
    }
    const twice = [column('id', 'int32', { nullable: false, keyPosition: 1 })]
    await failure(
      target.write({ table: 'made', mode: 'append' }, batches(twice, [['1'], ['1']])),
      'CONSTRAINT_VIOLATED',
    )
    expect(await to.rows("SHOW TABLES LIKE 'made'")).toEqual([])
  })

  it('stops answering, and an abort ends whatever waits for it', async () => {
    await using proxy = await FaultProxy.start(engine)
    const works: ((target: ManagedSession, signal: AbortSignal) => Promise<unknown>)[] = [
      (target, signal) => target.write({ table: 't', mode: 'replace' }, numbers('id', 300_000), signal),
      (target, signal) => target.outline({ table: 't', mode: 'replace' }, [column('id', 'int32')], signal),
      (target, signal) => target.readState(undefined, signal),
    ]
    for (const work of works) {
      const target = await open(engine, to, { via: proxy })
      const stop = new AbortController()
      proxy.freeze()
      const waiting = failure(work(target, stop.signal), 'ABORTED')
      await sleep(150)
      stop.abort()
      expect((await timed(() => waiting)).ms).toBeLessThan(10_000)
      await target.close()
      expect(await settle(() => countSockets(proxy.port), 0, 2_000)).toBe(0)
      proxy.thaw()
    }
    await proxy.close()
    await expectUntouched()
  })

  it('runs into its own statement timeout', async () => {
    await using target = await driverOf(engine).open({ ...settings(engine, to), statement_timeout_ms: 300 })
    await whileLocked(engine, to, 'SELECT * FROM t FOR UPDATE', async () => {
      // MySQL has such a timeout for reads alone: there the write ends as its server has been silent for longer.
      const code = engine.version.startsWith('MySQL') ? 'DEADLINE_EXCEEDED' : 'STATEMENT_TIMEOUT'
      await failure(target.write({ table: 't', mode: 'replace' }, numbers('id', 10)), code)
    })
    await target.close()
    await expectUntouched()
  })

  it.runIf(canStart.mysql)('is killed in the middle of a load: the old rows are there after its restart', async () => {
    const own = await startPrivate('mysql')
    try {
      const database = await own.createDatabase()
      await using target = await open(own, database)
      const source = gated(numbers('id', 300_000), 120)
      const write = failure(target.write({ table: 't', mode: 'append' }, source.batches), 'CONNECTION_LOST')
      await source.reached
      await own.kill()
      source.open()
      await write
      await target.close()
      expect(await settle(() => countSockets(own.port), 0, 2_000)).toBe(0)
    } finally {
      await own.stop()
    }
  })
})
