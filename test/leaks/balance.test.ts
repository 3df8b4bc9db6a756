import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Batch } from '../../src/core/batch.js'
import type { Lookup } from '../../src/core/dial.js'
import type { ManagedSession } from '../../src/core/managed-session.js'
import { AirlockError } from '../../src/errors/index.js'
import { Secret } from '../../src/masking/index.js'
import { countDescriptors } from '../../src/testing/conformance/trial.js'
import { countSockets, type Engine, FaultProxy, settle, type TestDatabase, WireFake } from '../../src/testing/index.js'
import { canStart, startPrivate } from '../drivers/private.js'
import { driverOf, failure, settings } from '../drivers/support.js'

const GONE_MS = 5_000

/** What is open before and after: sockets of this process to the server, the server's sessions of the login, and file
 * descriptors of this process. Each test was seen red with `socket.destroy()` taken out of the attempt (connect.ts), of
 * `close` (managed-session.ts) or of the end of an operation (operation.ts). */
for (const name of ['mysql', 'postgres'] as const) {
  describe.runIf(canStart[name])(`what is open afterwards on ${name}`, () => {
    let engine: Engine
    let database: TestDatabase

    beforeAll(async () => {
      engine = await startPrivate(name)
      database = await engine.createDatabase('balance')
      await database.exec('CREATE TABLE body (id INT PRIMARY KEY, note VARCHAR(2000))')
      const rows = Array.from({ length: 1000 }, (_, id) => `(${id}, '${'x'.repeat(1900)}')`)
      await database.exec(`INSERT INTO body VALUES ${rows.join(', ')}`)
      // What is opened once in a process is open before the count: modules, the resolver, TLS contexts.
      await using first = await open()
      await first.describe({ table: 'body' })
      await failure(open({ password: new Secret('not this one', 'p') }), 'AUTH_FAILED')
    })
    afterAll(() => engine.stop())

    const open = (changes: object = {}, options: { readonly lookup?: Lookup } = {}): Promise<ManagedSession> =>
      driverOf(engine).open({ ...settings(engine, database), ...changes }, options)
    const sessions = () => engine.sessions({ user: database.user })
    /** Far more than any buffer on the way holds. */
    const endless = { query: 'SELECT a.note, b.id FROM body a, body b', bufferBytes: 65_536 }

    async function balanced(work: () => Promise<void>, ports: readonly number[] = [], served = true): Promise<void> {
      const before = await counts(ports)
      if (served) expect(await sessions()).toBe(0)
      await work()
      expect(await settle(() => countSockets(engine.port, ...ports), before.sockets, GONE_MS)).toBe(before.sockets)
      if (served) expect(await settle(sessions, 0, GONE_MS)).toBe(0)
      const { descriptors } = before
      if (descriptors === undefined) return
      expect(await settle(async () => (await countDescriptors()) ?? 0, descriptors, GONE_MS)).toBe(descriptors)
    }
    const counts = async (ports: readonly number[]) => ({
      sockets: await countSockets(engine.port, ...ports),
      descriptors: await countDescriptors(),
    })

    it('CN-2 is what was open before 100 connects that failed in six ways', { timeout: 120_000 }, async () => {
      await using gone = await FaultProxy.start(engine, { kind: 'refuse' })
      await using silent = await FaultProxy.start(engine, { kind: 'stall' })
      const cutting = { kind: 'cut', direction: 'toClient', afterBytes: 20, how: 'rst' } as const
      await using cut = await FaultProxy.start(engine, cutting)
      const ways = [
        () => failure(open({ password: new Secret('not this one', 'p') }), 'AUTH_FAILED'),
        () => failure(open({ database: 'nowhere_at_all' }), 'DATABASE_NOT_FOUND'),
        () => failure(open({ tls: { mode: 'verify-full', server_name: 'localhost' } }), 'TLS_UNTRUSTED'),
        () => failure(open({ port: gone.port }), 'CONNECT_REFUSED'),
        () => failure(open({ port: cut.port }), 'CONNECT_RESET'),
        () => failure(open({ port: silent.port, connect_timeout_ms: 150 }), 'CONNECT_TIMEOUT'),
      ]
      const run = async () => {
        const all = Array.from({ length: 100 }, (_, index) => ways[index % ways.length]!)
        for (let at = 0; at < all.length; at += 10) await Promise.all(all.slice(at, at + 10).map((way) => way()))
        expect(await settle(() => silent.counts.open + cut.counts.open, 0, GONE_MS)).toBe(0)
      }
      await balanced(run, [gone.port, silent.port, cut.port])
    })

    // Linux answers at the whole of 127.0.0.0/8.
    it.runIf(process.platform === 'linux')(
      'DU-3 is what was open before 100 discoveries at names with failing addresses',
      { timeout: 120_000 },
      async () => {
        // Nothing listens at the first address of every name, another protocol is spoken at the second.
        await using other = await WireFake.start(name, { kind: 'garbage' }, { host: '127.0.0.8', port: engine.port })
        const lookup: Lookup = async (host) => {
          const failing = ['127.0.0.7', other.host, '127.0.0.9']
          const all = host === 'dead.airlock.test' ? failing : [...failing, engine.host]
          return all.map((address) => ({ address, family: 4 }))
        }
        const discover = async (host: string) => {
          await using session = await open({ host, tls: { mode: 'disable' } }, { lookup })
          if (session.capabilities.discover)
            return (await session.discover({ table: 'body' })).tables[0]?.columns.length
          return (await session.describe({ table: 'body' })).columns.length
        }
        await balanced(async () => {
          for (let round = 0; round < 10; round++) {
            const found = Promise.all(Array.from({ length: 5 }, () => discover('localhost')))
            const failed = Promise.all(
              Array.from({ length: 5 }, () => failure(discover('dead.airlock.test'), 'PROTOCOL_ERROR')),
            )
            expect(await found).toEqual([2, 2, 2, 2, 2])
            await failed
          }
          expect(other.counts.connections).toBe(100)
          expect(await settle(() => other.counts.open, 0, GONE_MS)).toBe(0)
        })
      },
    )

    it('CN-9 is what was open before its peer froze, for an idle session, a query and a stream', {
      timeout: 120_000,
    }, async () => {
      await balanced(async () => {
        const limits = { silence_timeout_ms: 1_000 }
        const [idle, asking, reading] = await Promise.all([open(limits), open(limits), open(limits)])
        const rows = reading.extract(endless)[Symbol.asyncIterator]()
        await rows.next()
        await engine.pause()
        try {
          await failure(asking.ping(), 'DEADLINE_EXCEEDED')
          await failure(exhaust(rows), 'DEADLINE_EXCEEDED')
          await Promise.all([idle.close(), asking.close(), reading.close()])
          expect(await settle(() => countSockets(engine.port), 0, GONE_MS)).toBe(0)
        } finally {
          await engine.resume()
        }
      })
    })

    // The last test: the server does not come back.
    it('CN-6 is what was open before its server was killed (SIGKILL) under a stream, a query and an idle session', {
      timeout: 120_000,
    }, async () => {
      const before = await countDescriptors()
      const [idle, asking, reading] = await Promise.all([open(), open(), open()])
      const rows = reading.extract(endless)[Symbol.asyncIterator]()
      await rows.next()
      const sleeping = name === 'mysql' ? 'SELECT SLEEP(60) AS s' : 'SELECT 1 AS s FROM pg_sleep(60)'
      const asked = failure(exhaust(asking.extract({ query: sleeping })[Symbol.asyncIterator]()), 'CONNECTION_LOST')
      await sleep(300)
      await engine.kill()
      await Promise.all([asked, failure(exhaust(rows), 'CONNECTION_LOST')])
      await failure(idle.ping(), 'CONNECTION_LOST')
      await Promise.all([idle.close(), asking.close(), reading.close()])
      expect(await settle(() => countSockets(engine.port), 0, GONE_MS)).toBe(0)
      const error = await failure(open(), 'CONNECT_REFUSED')
      expect(error).toBeInstanceOf(AirlockError)
      // The server's own pipes to this process are closed with it.
      const left = async () => ((await countDescriptors()) ?? 0) <= (before ?? 0)
      expect(await settle(async () => Number(await left()), 1, GONE_MS)).toBe(1)
    })
  })
}

/** Reads until it fails; a stream that ends well here would be one that looks complete. */
async function exhaust(rows: AsyncIterator<Batch>): Promise<void> {
  for (let count = 0; count < 10_000; count++) {
    const next = await rows.next()
    if (next.done === true) throw new Error('the rows looked complete')
  }
}
