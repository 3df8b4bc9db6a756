import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { ManagedSession } from '../../src/core/managed-session.js'
import { countSockets, type Engine, FaultProxy, settle, type TestDatabase } from '../../src/testing/index.js'
import { describeWith } from '../setup/engines.js'
import { gated } from './gated.js'
import { canStart, startPrivate } from './private.js'
import { failure, open, timed } from './support.js'

describeWith(['mysql', 'postgres'], 'a MySQL source in trouble', (engines) => {
  let to: TestDatabase
  let from: TestDatabase
  beforeAll(async () => {
    to = await engines.postgres.createDatabase('faults')
    from = await engines.mysql.createDatabase('faults')
    await fill(from)
    await to.exec('CREATE TABLE t (id int, body text); INSERT INTO t VALUES (-1, NULL)')
  })
  afterAll(() => Promise.all([to.drop(), from.drop()]))

  const fill = (database: TestDatabase) =>
    database.exec(`CREATE TABLE t (id INT NOT NULL PRIMARY KEY, body TEXT);
      INSERT INTO t WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
        SELECT i, REPEAT('x', 20000) FROM n`)
  const expectUntouched = async () => {
    expect(await to.rows('SELECT id FROM t')).toEqual([['-1']])
    for (const [engine, database] of [
      [engines.postgres, to],
      [engines.mysql, from],
    ] as const) {
      expect(await settle(() => engine.sessions({ database: database.name }), 0, 2_000)).toBe(0)
      expect(await settle(() => countSockets(engine.port), 0, 2_000)).toBe(0)
    }
  }
  const move = async (engine: Engine, database: TestDatabase, strike: () => Promise<unknown>) => {
    await using source = await open(engine, database)
    await using target = await open(engines.postgres, to)
    const rows = gated(source.extract({ table: 't', bufferBytes: 65_536, batchBytes: 65_536 }), 5)
    const write = failure(target.write({ table: 't', mode: 'replace' }, rows.batches))
    await rows.reached
    await strike()
    rows.open()
    const { ms, result } = await timed(() => write)
    expect(ms).toBeLessThan(3_000)
    // The target goes on; the source does not.
    await target.ping()
    return result
  }

  it('has its session killed', async () => {
    const error = await move(engines.mysql, from, () => engines.mysql.endSessions({ user: from.user }))
    expect([error.code, error.exitCode]).toEqual(['CONNECTION_LOST', 5])
    await expectUntouched()
  })

  it.runIf(canStart.mysql)('has its server killed', async () => {
    const own = await startPrivate('mysql')
    try {
      const database = await own.createDatabase()
      await fill(database)
      expect((await move(own, database, () => own.kill())).code).toBe('CONNECTION_LOST')
      expect(await settle(() => countSockets(own.port), 0, 1_000)).toBe(0)
      await expectUntouched()
    } finally {
      await own.stop()
    }
  })

  it.each(['rst', 'fin'] as const)('is cut off in the middle (%s)', async (how) => {
    await using proxy = await FaultProxy.start(engines.mysql, {
      kind: 'cut',
      direction: 'toClient',
      afterBytes: 3_000_000,
      how,
    })
    {
      await using source = await open(engines.mysql, from, { via: proxy })
      await using target = await open(engines.postgres, to)
      const rows = source.extract({ table: 't' })
      await failure(target.write({ table: 't', mode: 'replace' }, rows), 'CONNECTION_LOST')
      expect(rows.rowsRead).toBeLessThan(1000)
    }
    await proxy.close()
    await expectUntouched()
  })

  it('is left by a target that fails: its statement ends, the session goes on', async () => {
    await using source = await open(engines.mysql, from)
    await using target = await open(engines.postgres, to)
    const plan = { table: 'other', mode: 'append', policies: {} } as const
    await to.exec('CREATE TABLE other (id int CHECK (id < 50), body text)')
    const rows = source.extract({ table: 't', bufferBytes: 65_536, batchBytes: 65_536 })
    await failure(target.write(plan, rows), 'CONSTRAINT_VIOLATED')
    expect(await running(from)).toBe(0)
    await source.ping()
    await source.close()
    await target.close()
    await expectUntouched()
  })

  it('stops at an early break, a throw and an abort, and the session goes on', async () => {
    await using source = await open(engines.mysql, from)
    const request = { query: 'SELECT a.body, b.id FROM t a, t b', bufferBytes: 65_536 }
    for (let round = 0; round < 2; round++) {
      const { ms } = await timed(async () => {
        for await (const batch of source.extract(request)) {
          expect(batch.rowCount).toBeGreaterThan(0)
          break
        }
      })
      expect(ms).toBeLessThan(3_000)
      expect(await running(from)).toBe(0)
      await source.ping()
    }
    const thrown = async () => {
      for await (const _ of source.extract(request)) throw new RangeError('of the consumer')
    }
    await expect(thrown()).rejects.toThrow('of the consumer')
    const stop = new AbortController()
    const aborted = async () => {
      for await (const _ of source.extract(request, stop.signal)) stop.abort()
    }
    expect((await timed(() => failure(aborted(), 'ABORTED'))).ms).toBeLessThan(3_500)
    const asleep = async () => {
      for await (const _ of source.extract({ query: 'SELECT SLEEP(20) AS s' }, AbortSignal.timeout(200)));
    }
    expect((await timed(() => failure(asleep(), 'DEADLINE_EXCEEDED'))).ms).toBeLessThan(3_500)
    expect(await running(from)).toBe(0)
    await source.ping()
    await source.close()
    await expectUntouched()
  })

  it('stops answering, and an abort ends whatever waits for it', async () => {
    await using proxy = await FaultProxy.start(engines.mysql)
    const works: ((source: ManagedSession, signal: AbortSignal) => Promise<unknown>)[] = [
      (source, signal) => source.extract({ table: 't' }, signal)[Symbol.asyncIterator]().next(),
      (source, signal) => source.describe({ table: 't' }, signal),
      (source, signal) => source.ping(signal),
    ]
    for (const work of works) {
      const source = await open(engines.mysql, from, { via: proxy })
      proxy.freeze()
      const stop = new AbortController()
      const waiting = failure(work(source, stop.signal), 'ABORTED')
      await sleep(150)
      stop.abort()
      expect((await timed(() => waiting)).ms).toBeLessThan(3_500)
      expect((await timed(() => source.close())).ms).toBeLessThan(3_500)
      expect(await settle(() => countSockets(proxy.port), 0, 1_000)).toBe(0)
      proxy.thaw()
    }
    await proxy.close()
    await expectUntouched()
  })

  const running = async (database: TestDatabase) => {
    const count = async () => {
      const [row] = await database.rows(
        `SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE USER = '${database.user}' AND COMMAND = 'Query'`,
      )
      return Number(row?.[0])
    }
    return await settle(count, 0, 1_000)
  }
})
