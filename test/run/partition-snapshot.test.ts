import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from 'vitest'
import type { StreamReport } from '../../src/run/report.js'
import { type Engine, type EngineName, FaultProxy } from '../../src/testing/index.js'
import { describeWith } from '../setup/engines.js'
import { innodbTransactions } from '../setup/innodb-transactions.js'
import { type TwoEnds, twoEnds } from './two-ends.js'

const ROWS = 4000
const STREAM = { mode: 'replace', partition_by: { column: 'id', ranges: 5 } }
const TIMEOUT = 120_000
const TOGETHER = 'all ranges were read in one snapshot'

/** Accounts with a thousand each. */
async function fill({ source }: TwoEnds): Promise<void> {
  await source.exec('CREATE TABLE orders (id INT NOT NULL PRIMARY KEY, amount INT NOT NULL, note TEXT)')
  for (let done = 0; done < ROWS; done += 500) {
    const rows = Array.from({ length: 500 }, (_, at) => `(${done + at + 1}, 1000, '${'n'.repeat(200)}')`)
    await source.exec(`INSERT INTO orders VALUES ${rows.join(', ')}`)
  }
}

/** Moves money from the first half of the rows to the second, each time in a transaction of two statements, until `work` is done. */
async function whileMoneyMoves<T>({ source }: TwoEnds, work: Promise<T>): Promise<{ result: T; moved: number }> {
  let done = false
  const running = work.finally(() => {
    done = true
  })
  running.catch(() => undefined)
  let moved = 0
  for (; !done; moved++) {
    // Any place of the first half gives to one of the second: no range has the same sum for long.
    const place = (moved * 997) % (ROWS / 2)
    const [less, more] = [1 + place, ROWS - place]
    await source.exec(`START TRANSACTION; UPDATE orders SET amount = amount - 7 WHERE id = ${less};
      UPDATE orders SET amount = amount + 7 WHERE id = ${more}; COMMIT`)
  }
  return { result: await running, moved }
}

const total = async ({ target }: TwoEnds) => (await target.rows('SELECT count(*), sum(amount) FROM orders'))[0]

/** Ends one of the sessions that read, or all of them. */
async function endReaders(engine: Engine, { source }: TwoEnds, which: 'one' | 'all'): Promise<void> {
  if (which === 'all') return void (await engine.endSessions({ user: source.user }))
  const list =
    engine.engine === 'mysql'
      ? innodbTransactions(source.user, 't.trx_is_read_only')
      : `SELECT pid FROM pg_stat_activity WHERE usename = '${source.user}' AND query LIKE 'COPY%' AND state <> 'idle'`
  const [[id] = []] = await source.rows(list, 'admin')
  if (id === undefined || id === null) throw new Error('nobody reads')
  await source.exec(engine.engine === 'mysql' ? `KILL ${id}` : `SELECT pg_terminate_backend(${id})`, 'admin')
}

for (const [from, to] of [
  ['mysql', 'postgres'],
  ['postgres', 'postgres'],
] as const satisfies readonly (readonly [EngineName, EngineName])[]) {
  describeWith(
    [from, to],
    `a ${from} table that changes while its ranges are read`,
    (engines: Record<string, Engine>) => {
      // Seen red without SET TRANSACTION SNAPSHOT, and without LOCK TABLES.
      it('arrives in exactly one state', { timeout: TIMEOUT }, async () => {
        await using ends = await twoEnds(engines[from]!, engines[to]!)
        await fill(ends)
        await using proxy = await FaultProxy.start(engines[from]!, { kind: 'throttle', bytesPerSecond: 300_000 })
        await ends.configure({ source: { port: proxy.port } })
        for (let round = 0; round < 3; round++) {
          const { result, moved } = await whileMoneyMoves(ends, ends.move(STREAM, { parallel: 3 }))
          expect(result.notes.join()).toContain(TOGETHER)
          expect(result.ranges).toEqual({ total: 5, skipped: 0 })
          expect(moved).toBeGreaterThan(10)
          expect(await total(ends)).toEqual([String(ROWS), String(ROWS * 1000)])
        }
      })

      // Seen red without LOCK TABLES, without SET TRANSACTION SNAPSHOT, and without the first use of the table.
      it('is the same for sessions between whose beginnings somebody wrote, or wanted to', {
        timeout: TIMEOUT,
      }, async () => {
        await using ends = await twoEnds(engines[from]!, engines[to]!)
        await fill(ends)
        await using space = await ends.open()
        const signal = AbortSignal.timeout(TIMEOUT)
        await using holder = await space.connect('from', signal)
        await using first = await space.connect('from', signal)
        await using second = await space.connect('from', signal)
        const held = await holder.holdSnapshot('orders', signal)
        if (typeof held === 'string') throw new Error(held)
        expect(await first.enterSnapshot(held, signal)).toBe(true)
        const writing = ends.source.exec('UPDATE orders SET amount = 7 WHERE id > 10')
        writing.catch(() => undefined)
        await Promise.race([writing, sleep(500)])
        expect(await second.enterSnapshot(held, signal)).toBe(true)
        if (holder.snapshots === 'locked') {
          await held[Symbol.asyncDispose]()
          await writing
        }
        // What is emptied or replaced between two ranges would be so in every snapshot.
        const wait = from === 'mysql' ? 'SESSION lock_wait_timeout = 1' : "lock_timeout = '200ms'"
        await expect(ends.source.exec(`SET ${wait}; TRUNCATE TABLE orders`)).rejects.toThrow()
        for (const session of [first, second]) {
          const range = { column: 'id', ...(session === first ? { to: '2000' } : { from: '2000' }) }
          const rows = session.extract({ table: 'orders', select: ['amount'], range }, signal)
          for await (const batch of rows) {
            expect([...batch.objects()].every(({ amount }) => amount === '1000')).toBe(true)
          }
          expect(rows.rowsRead).toBe(session === first ? 1999 : 2001)
        }
        await held[Symbol.asyncDispose]()
      })

      // Seen red with a transaction of Postgres for each range: who begins one then waits behind the one that alters.
      it('arrives though somebody waits to alter the table', { timeout: TIMEOUT }, async () => {
        await using ends = await twoEnds(engines[from]!, engines[to]!)
        await fill(ends)
        await using proxy = await FaultProxy.start(engines[from]!, { kind: 'throttle', bytesPerSecond: 100_000 })
        await ends.configure({ source: { port: proxy.port } })
        const alter = from === 'mysql' ? 'ALTER TABLE orders FORCE' : 'VACUUM FULL orders'
        let altering: Promise<void> | undefined
        let isAltered = false
        const onProgress = () => {
          altering ??= ends.source.exec(alter).finally(() => {
            isAltered = true
          })
          altering.catch(() => undefined)
          expect(isAltered).toBe(false)
        }
        const report = await ends.move(STREAM, { parallel: 2, onProgress })
        await altering
        expect([report.attempts, report.notes.join().includes(TOGETHER), isAltered]).toEqual([1, true, true])
        expect(await total(ends)).toEqual([String(ROWS), String(ROWS * 1000)])
      })

      // Seen red with a new session that takes the place of the lost one.
      it('arrives in one state though a session is lost', { timeout: TIMEOUT }, async () => {
        await using ends = await twoEnds(engines[from]!, engines[to]!)
        await fill(ends)
        await using proxy = await FaultProxy.start(engines[from]!, { kind: 'throttle', bytesPerSecond: 100_000 })
        await ends.configure({ source: { port: proxy.port } })
        let ending: Promise<void> | undefined
        const onProgress = () => {
          ending ??= endReaders(engines[from]!, ends, 'one')
          ending.catch(() => undefined)
        }
        const { result } = await whileMoneyMoves(ends, ends.move(STREAM, { parallel: 3, onProgress }))
        await ending
        expect([result.attempts, result.notes.join().includes(TOGETHER)]).toEqual([1, true])
        expect(await total(ends)).toEqual([String(ROWS), String(ROWS * 1000)])
      })

      // Seen red with the failure of the ranges settled.
      it('is begun once more when all sessions are lost, and says what is older', { timeout: TIMEOUT }, async () => {
        await using ends = await twoEnds(engines[from]!, engines[to]!)
        await fill(ends)
        await using proxy = await FaultProxy.start(engines[from]!, { kind: 'throttle', bytesPerSecond: 100_000 })
        await ends.configure({ source: { port: proxy.port } })
        let ending: Promise<void> | undefined
        const onProgress = ({ rows }: { rows: number }) => {
          if (rows > ROWS * 0.5) ending ??= endReaders(engines[from]!, ends, 'all')
          ending?.catch(() => undefined)
        }
        const report = await ends.move(STREAM, { parallel: 2, onProgress })
        await ending
        expect(ending).toBeDefined()
        const { total: all, skipped } = report.ranges!
        const older = `${skipped} ranges are as an earlier attempt has read them`
        expect([all, skipped > 0]).toEqual([5, true])
        expect(report.notes.join()).toContain(older)
        expect(await total(ends)).toEqual([String(ROWS), String(ROWS * 1000)])
      })
    },
  )
}

describeWith(['mysql', 'postgres'], 'a MySQL source that gives no common snapshot', ({ mysql, postgres }) => {
  const reasonOf = ({ notes }: StreamReport) => notes.find((note) => note.includes('a snapshot of its own'))

  it('is read all the same, and the report says why', { timeout: TIMEOUT }, async () => {
    await using ends = await twoEnds(mysql, postgres)
    await fill(ends)
    await ends.source.exec(
      'CREATE VIEW seen AS SELECT * FROM orders; CREATE TABLE old ENGINE=MyISAM SELECT * FROM orders',
    )
    for (const table of ['seen', 'old']) {
      const report = await ends.move({ ...STREAM, table, target_table: 'orders' }, { parallel: 3 })
      expect(reasonOf(report)).toContain('only a table of InnoDB')
    }
    const { name, user } = ends.source
    const all = `\`${name.replaceAll('_', '\\_')}\`.*`
    await ends.source.exec(`REVOKE LOCK TABLES ON ${all} FROM ${user}@'%'`, 'admin')
    expect(reasonOf(await ends.move(STREAM, { parallel: 3 }))).toContain('lacks the privilege LOCK TABLES')
    expect(await total(ends)).toEqual([String(ROWS), String(ROWS * 1000)])
  })
})
