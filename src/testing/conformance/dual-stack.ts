import assert from 'node:assert/strict'
import { lookup as resolve } from 'node:dns/promises'
import { isIP } from 'node:net'
import { networkInterfaces } from 'node:os'
import { defineDriver } from '../../core/define-driver.js'
import type { Lookup } from '../../core/dial.js'
import { FaultProxy } from '../proxy.js'
import { countSockets } from '../sockets.js'
import { startBlackHole } from '../wire/black-hole.js'
import { WireFake } from '../wire/wire-fake.js'
import { failure, type Subject, TEST_MS, type Trial, withDatabase } from './trial.js'

/** A name that only the injected lookups know: no name server answers for `.test` (RFC 6761). */
const HOST = 'dual.airlock.test'
/** For links without TLS: MySQL's own logins need one, but on loopback. Which address it means is injected all the same. */
const PLAIN_HOST = 'localhost'
const PLAIN = { mode: 'disable' } as const
const PASSWORD = 'a-password-of-nobody'

/** Names with several addresses: order, fallback, attempts, and what is verified. Names are resolved by injected lookups,
 * so that no name server takes part. */
export function describeDualStack(subject: Subject): void {
  const { api, driver, server } = subject
  const wire = server.wire ?? 'postgres'
  const [first, second] = loopbacks()

  /** A test whose server is reached at one of the two addresses. */
  const test = (title: string, listen: string, body: (trial: Trial, proxy: FaultProxy) => Promise<void>) =>
    api.it(
      title,
      withDatabase(subject, async (trial) => {
        const proxy = await FaultProxy.start(server, { kind: 'forward' }, listen)
        try {
          await body(trial, proxy)
          await trial.end()
          await trial.expectNoSockets(proxy.port)
        } finally {
          await proxy.close()
        }
      }),
      TEST_MS,
    )
  const via = (port: number) => ({ at: { host: PLAIN_HOST, port }, tls: PLAIN, lookup: fixed(first, second) })

  test('DU-1 gets in where the first address refuses (sockets)', second, async (trial, { port }) => {
    const session = await trial.within(1_000, 'DU-1 refused', () => trial.open(via(port)))
    assert.equal(await countSockets(port), 1)
    await session.ping()
  })

  test('DU-1 gets in where the first address swallows everything (sockets)', second, async (trial, { port }) => {
    await using _ = await startBlackHole(first, port)
    const session = await trial.within(1_000, 'DU-1 black hole', () => trial.open(via(port)))
    assert.equal(await countSockets(port), 1)
    await session.ping()
  })

  test('DU-1 gets in where the first address accepts and stalls (sockets)', second, async (trial, { port }) => {
    await using silent = await WireFake.start(wire, { kind: 'accept-stall' }, { host: first, port })
    const session = await trial.within(1_000, 'DU-1 accept and stall', () =>
      trial.open({ ...via(port), connect_timeout_ms: 2_000 }),
    )
    assert.equal(silent.counts.connections, 1)
    assert.equal(await countSockets(port), 1)
    await session.ping()
  })

  test(
    'DU-2 says nothing of the address of a name that has only one, which cannot be reached',
    second,
    async (trial, { port }) => {
      const error = await failure(
        trial.open({ ...via(port), lookup: fixed(first) }),
        'CONNECT_REFUSED',
        'CONNECT_UNREACHABLE',
      )
      for (const secret of [PLAIN_HOST, first, String(port)])
        assert.ok(!`${error.stack}${JSON.stringify(error)}`.includes(secret))
      const nameless = () => Promise.reject(Object.assign(new Error(PLAIN_HOST), { code: 'ENOTFOUND' }))
      await failure(trial.open({ ...via(port), lookup: nameless }), 'HOST_NOT_FOUND', 'DIRECT_UNREACHABLE')
    },
  )

  test(
    'DU-3 counts its attempts, and each has left nothing when the next begins (sockets inside the loop)',
    second,
    async (trial, proxy) => {
      const { port } = proxy
      await using _ = await WireFake.start(wire, { kind: 'accept-stall' }, { host: first, port })
      proxy.freeze()
      const held: number[] = []
      const sampling = defineDriver({
        ...driver.spec,
        open: async (config, context) => {
          held.push(await countSockets(port))
          return await driver.spec.open(config, context)
        },
      })
      let failed = 0
      const telemetry = {
        add: (counters: Readonly<Record<string, number>>) => {
          failed += counters['connections_failed'] ?? 0
        },
      }
      const error = await failure(
        trial.open({ ...via(port), driver: sampling, telemetry, connect_timeout_ms: 2_400 }),
        'CONNECT_TIMEOUT',
      )
      assert.deepEqual([held.length, failed], [2, 2])
      // Counting takes time: on a loaded machine an attempt may be over before its socket is seen. Two are one too many.
      assert.equal(Math.max(...held), 1)
      assert.match(error.message, /\(2 attempts\)/)
      for (const secret of [PLAIN_HOST, first, second, String(port)]) assert.ok(!error.message.includes(secret))
    },
  )

  test('DU-4 stops at the first refused login (authentications)', first, async (trial, proxy) => {
    const { port } = proxy
    await using other = await WireFake.start(wire, { kind: 'auth-refused' }, { host: second, port })
    await failure(trial.open({ ...via(port), strangerWith: PASSWORD }), 'AUTH_FAILED')
    assert.equal(proxy.counts.total, 1)
    assert.equal(other.counts.connections, 0)
  })

  test(
    'DU-6 tries an address once, however often and in whatever form it is given (connections)',
    first,
    async (trial, proxy) => {
      const { port } = proxy
      await failure(
        trial.open({ ...via(port), strangerWith: PASSWORD, lookup: fixed(second, first, first) }),
        'AUTH_FAILED',
      )
      assert.equal(proxy.counts.total, 1)
      await using refused = await WireFake.start(wire, { kind: 'garbage' }, { host: second, port })
      const forms = isIP(second) === 4 ? [second, `::ffff:${second}`, second] : [second, second]
      await failure(
        trial.open({ ...via(port), strangerWith: PASSWORD, lookup: fixed(...forms), connect_timeout_ms: 1_000 }),
      )
      assert.equal(refused.counts.connections, 1)
    },
  )

  const { tls } = server
  if (tls !== undefined) {
    api.it(
      'DU-5 verifies the configured name, whatever address is dialled (sessions, sockets)',
      withDatabase(subject, async (trial) => {
        const address = isIP(server.host) === 0 ? (await resolve(server.host)).address : server.host
        const named = (host: string) => ({ at: { host, port: server.port }, lookup: fixed(address) })
        const full = { mode: 'verify-full', ca: tls.caFile } as const
        const session = await trial.open({ ...named(tls.serverName), tls: full })
        await session.ping()
        await session.close()
        await failure(trial.open({ ...named(HOST), tls: full }), 'TLS_NAME_MISMATCH')
        await failure(trial.open({ ...named(tls.serverName), tls: { mode: 'verify-full' } }), 'TLS_UNTRUSTED')
        await failure(trial.open({ ...named(HOST), tls: { mode: 'verify-ca' } }), 'TLS_UNTRUSTED')
        // Without `tls` a host that is not loopback is verified in full.
        await failure(trial.open(named(HOST)), 'TLS_UNTRUSTED', 'TLS_NAME_MISMATCH')
        assert.equal(await trial.database.sessions(), 0)
      }),
      TEST_MS,
    )
  }
}

function fixed(...addresses: readonly string[]): Lookup {
  return async () => addresses.map((address) => ({ address, family: isIP(address) }))
}

/** Two addresses of this machine in the order in which they are tried: IPv6 and IPv4, or two of IPv4 where the machine has
 * no IPv6. */
function loopbacks(): readonly [first: string, second: string] {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? [])
  return all.some(({ address }) => address === '::1') ? ['::1', '127.0.0.1'] : ['127.0.0.1', '127.0.0.2']
}
