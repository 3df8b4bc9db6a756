import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Lease, SessionPool } from '../../src/core/session-pool.js'
import { mysql, postgres } from '../../src/drivers/index.js'
import { AirlockError } from '../../src/errors/index.js'
import { Secret } from '../../src/masking/secret.js'
import { settle, type TestDatabase } from '../../src/testing/index.js'
import { describeWith } from '../setup/engines.js'

const never = new AbortController().signal

for (const family of ['mysql', 'postgres'] as const) {
  describeWith([family], `session pool on ${family}`, (engines) => {
    const engine = engines[family]
    let database: TestDatabase

    beforeAll(async () => {
      database = await engine.createDatabase('pool')
      await database.exec('CREATE TABLE numbers (n INT)')
      await database.exec(`INSERT INTO numbers VALUES ${Array.from({ length: 5000 }, (_, n) => `(${n})`).join(', ')}`)
    })
    afterAll(() => database.drop())

    const open = () => {
      const driver = { mysql, postgres }[family]
      const { host, port } = engine
      return driver.open({
        host,
        port,
        database: database.name,
        user: database.user,
        password: new Secret(database.password, 'pool'),
      })
    }
    const poolOf = (max: number, acquireTimeoutMs = 20_000) => new SessionPool({ max, acquireTimeoutMs, open })
    const sessions = () => engine.sessions({ user: database.user })

    it('never opens more than max and hands released sessions on', async () => {
      await using pool = poolOf(2)
      const [one, two] = await Promise.all([pool.acquire(never), pool.acquire(never)])
      let most = 0
      const work = async () => {
        const lease = await pool.acquire(never)
        most = Math.max(most, pool.counts.leased)
        await lease.session.ping()
        await lease.release(true)
      }
      const others = Promise.all(Array.from({ length: 10 }, work))
      expect(pool.counts).toEqual({ idle: 0, leased: 2, waiting: 10 })
      await Promise.all([one.release(true), two.release(true)])
      await others
      expect(most).toBeLessThanOrEqual(2)
      expect(pool.counts).toEqual({ idle: 2, leased: 0, waiting: 0 })
      expect(await sessions()).toBe(2)
      await pool.close()
      // The sessions that are left, counted at the server.
      await settle(sessions, 0, 5000)
    })

    // CN-11. Seen red with the waiter left in the set after its timeout: the release below then goes to nobody.
    it('CN-11 rejects by the deadline when it is exhausted, and a later release is not lost', async () => {
      await using pool = poolOf(1, 150)
      const first = await pool.acquire(never)
      await expect(pool.acquire(never)).rejects.toMatchObject({ code: 'POOL_EXHAUSTED', exitCode: 3 })
      expect(pool.counts.waiting).toBe(0)
      await first.release(true)
      await first.release(true)
      const second = await pool.acquire(never)
      expect(second.session).toBe(first.session)
      await second.release(true)
    })

    it('lets an aborted waiter go with the abort’s own error', async () => {
      await using pool = poolOf(1)
      const first = await pool.acquire(never)
      const controller = new AbortController()
      const waiting = pool.acquire(controller.signal)
      controller.abort(new AirlockError('INTERRUPTED'))
      await expect(waiting).rejects.toMatchObject({ code: 'INTERRUPTED' })
      expect(pool.counts.waiting).toBe(0)
      await first.release(true)
    })

    // CN-10. Seen red with `#reset` giving true at once: the second borrower then gets SESSION_BUSY.
    it('CN-10 never hands on a session that is in the middle of something', async () => {
      await using pool = poolOf(1)
      const first = await pool.acquire(never)
      const rows = first.session.extract({ table: 'numbers', batchBytes: 1024 })[Symbol.asyncIterator]()
      await rows.next()
      await first.release(true)
      const second = await pool.acquire(never)
      expect(second.session).not.toBe(first.session)
      await second.session.ping()
      await second.release(true)
      await settle(sessions, 1, 5000)
    })

    it('opens anew for a waiter when a broken session comes back', async () => {
      await using pool = poolOf(1)
      const first = await pool.acquire(never)
      const waiting = pool.acquire(never)
      await engine.endSessions({ user: database.user })
      await first.release(false)
      const second = await waiting
      await second.session.ping()
      await second.release(true)
      expect(pool.counts).toEqual({ idle: 1, leased: 0, waiting: 0 })
    })

    it('refuses after close, rejects who waits, and closes what is on loan', async () => {
      const pool = poolOf(1)
      const lease: Lease = await pool.acquire(never)
      const waiting = pool.acquire(never)
      const refused = expect(waiting).rejects.toMatchObject({ code: 'SESSION_CLOSED' })
      await pool.close(50)
      await refused
      await expect(pool.acquire(never)).rejects.toMatchObject({ code: 'SESSION_CLOSED' })
      await expect(lease.session.ping()).rejects.toMatchObject({ code: 'SESSION_CLOSED' })
      await lease.release(true)
      await settle(sessions, 0, 5000)
    })

    it('keeps its places when opening fails', async () => {
      let fail = true
      await using pool = new SessionPool({
        max: 1,
        acquireTimeoutMs: 20_000,
        open: () => (fail ? Promise.reject(new AirlockError('CONNECT_REFUSED')) : open()),
      })
      await expect(pool.acquire(never)).rejects.toMatchObject({ code: 'CONNECT_REFUSED' })
      fail = false
      const lease = await pool.acquire(never)
      await lease.release(true)
    })
  })
}
