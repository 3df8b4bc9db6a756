import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ErrorCode } from '../../errors/index.js'
import { FaultProxy } from '../proxy.js'
import { settle } from '../sockets.js'
import type { StallingKind, WireFault } from '../wire/conversation.js'
import { WireFake, type WireProtocol } from '../wire/wire-fake.js'
import {
  countDescriptors,
  failure,
  GONE_MS,
  type Subject,
  TEST_MS,
  type Trial,
  withDatabase,
  withoutDatabase,
} from './trial.js'

const TIMEOUT_MS = 400
const STALLS: readonly StallingKind[] = ['accept-stall', 'greeting-stall', 'tls-stall', 'auth-stall']
const PASSWORD = 'a-password-of-nobody'

/** Connections that never come about: stalls in each phase, rogue servers, aborts, a hundred failures in a row. */
export function describeConnectFailures(subject: Subject): void {
  const { api, server } = subject
  const { wire } = server
  if (wire !== undefined) describeFakes(subject, wire)

  if (server.stateless !== true) describeLateServer(subject)

  api.it(
    'CN-2 holds nothing after 100 failed connects (sockets, file descriptors)',
    withoutDatabase(subject, async (trial) => {
      await using gone = await FaultProxy.start(server, { kind: 'refuse' })
      await using cut = await FaultProxy.start(server, {
        kind: 'cut',
        direction: 'toClient',
        afterBytes: 10,
        how: 'rst',
      })
      const ways: readonly (() => Promise<unknown>)[] = [
        () => failure(trial.open({ strangerWith: PASSWORD }), 'AUTH_FAILED'),
        () => failure(trial.open({ strangerWith: PASSWORD, at: gone }), 'CONNECT_REFUSED'),
        () => failure(trial.open({ strangerWith: PASSWORD, at: cut })),
        () => failure(trial.open({ strangerWith: PASSWORD, tls: { mode: 'verify-full' } })),
      ]
      // What is opened once (modules, the resolver) is open before the count.
      for (const way of ways) await way()
      const before = await countDescriptors()
      for (let round = 0; round < 25; round++) await Promise.all(ways.map((way) => way()))
      await trial.expectNoSockets(gone.port, cut.port)
      if (before !== undefined)
        assert.equal(await settle(async () => (await countDescriptors()) ?? 0, before, GONE_MS), before)
    }),
    TEST_MS,
  )

  api.it(
    'CN-3 is aborted before and while it connects (sockets)',
    withDatabase(subject, async (trial) => {
      await using proxy = await FaultProxy.start(server)
      const never = AbortSignal.abort()
      await failure(trial.open({ at: proxy, signal: never }), 'ABORTED')
      assert.equal(proxy.counts.total, 0)
      const soon = new AbortController()
      const first = failure(trial.open({ at: proxy, signal: soon.signal }), 'ABORTED')
      soon.abort()
      await trial.within(250, 'CN-3 abort before connect', () => first)
      proxy.freeze()
      const later = new AbortController()
      const second = failure(trial.open({ at: proxy, signal: later.signal }), 'ABORTED')
      await sleep(150)
      later.abort()
      await trial.within(250, 'CN-3 abort during connect', () => second)
      await trial.expectNoSockets(proxy.port)
    }),
    TEST_MS,
  )
}

function describeLateServer(subject: Subject): void {
  const { api, server } = subject
  api.it(
    'CN-1 gives up a real server that stops answering, and its late answers authenticate nothing (server sessions)',
    withDatabase(subject, async (trial) => {
      await using proxy = await FaultProxy.start(server)
      proxy.freeze()
      await trial.within(TIMEOUT_MS, 'CN-1 frozen server', () =>
        Promise.all(
          Array.from({ length: 5 }, () =>
            failure(trial.open({ at: proxy, connect_timeout_ms: TIMEOUT_MS }), 'CONNECT_TIMEOUT'),
          ),
        ),
      )
      await trial.expectNoSockets(proxy.port)
      proxy.thaw()
      for (let look = 0; look < 5; look++) {
        assert.equal(await trial.database.sessions(), 0)
        await sleep(100)
      }
      assert.equal(await settle(() => proxy.counts.open, 0, GONE_MS), 0)
    }),
    TEST_MS,
  )
}

function describeFakes(subject: Subject, wire: WireProtocol): void {
  const { api, server } = subject
  const stateless = server.stateless === true
  const against = (title: string, fault: WireFault, body: (trial: Trial, fake: WireFake) => Promise<void>) =>
    api.it(
      title,
      withoutDatabase(subject, async (trial) => {
        await using fake = await WireFake.start(wire, fault)
        await body(trial, fake)
        await trial.expectNoSockets(fake.port)
        assert.equal(await settle(() => fake.counts.open, 0, GONE_MS), 0, 'connections left at the fake')
        assert.ok(stateless || !fake.received(PASSWORD), 'the password was sent in clear')
      }),
      TEST_MS,
    )
  const open = (trial: Trial, fake: WireFake, tls: 'disable' | 'require' = 'disable') =>
    trial.open({ at: fake, strangerWith: PASSWORD, tls: { mode: tls }, connect_timeout_ms: TIMEOUT_MS })

  for (const kind of STALLS) {
    against(`CN-1 gives up a server at its ${kind} in time (sockets, connections)`, { kind }, async (trial, fake) => {
      const tls = kind === 'tls-stall' ? 'require' : 'disable'
      await trial.within(TIMEOUT_MS, `CN-1 ${kind}`, () => failure(open(trial, fake, tls), 'CONNECT_TIMEOUT'))
      assert.equal(fake.counts.connections, 1)
      assert.equal(fake.counts.authAttempts, kind === 'auth-stall' ? 1 : 0)
    })
  }

  if (!stateless) {
    against(
      'CN-1 sends nothing to a server that answers after it was given up (authentications)',
      { kind: 'late', ms: TIMEOUT_MS * 2 },
      async (trial, fake) => {
        await trial.within(TIMEOUT_MS, 'CN-1 late answer', () =>
          Promise.all(Array.from({ length: 5 }, () => failure(open(trial, fake), 'CONNECT_TIMEOUT'))),
        )
        await sleep(TIMEOUT_MS * 3)
        assert.equal(fake.counts.connections, 5)
        assert.equal(fake.counts.authAttempts, 0)
      },
    )
  }

  const refused: readonly (readonly [WireFault['kind'] & string, ErrorCode, 'disable' | 'require', number])[] = [
    ['cleartext', 'CLEARTEXT_REFUSED', 'disable', wire === 'mysql' ? 1 : 0],
    ['tls-refused', 'TLS_REFUSED', 'require', 0],
    ['auth-refused', 'AUTH_FAILED', 'disable', 1],
  ]
  for (const [kind, code, tls, attempts] of refused) {
    // Over HTTP there is no step in which a server could ask for a password or refuse TLS.
    if (stateless && kind !== 'auth-refused') continue
    against(
      `gives up at ${kind} at once, without the password (authentications)`,
      { kind } as WireFault,
      async (trial, fake) => {
        await trial.within(0, `refusal at ${kind}`, () =>
          failure(trial.open({ at: fake, strangerWith: PASSWORD, tls: { mode: tls } }), code),
        )
        assert.equal(fake.counts.authAttempts, attempts)
      },
    )
  }

  against('gives up a server that speaks another protocol (sockets)', { kind: 'garbage' }, async (trial, fake) => {
    // Known at its first bytes: the timeout plays no part.
    const begun = trial.open({ at: fake, strangerWith: PASSWORD, tls: { mode: 'disable' }, connect_timeout_ms: 50_000 })
    await trial.within(0, 'another protocol', () => failure(begun, 'PROTOCOL_ERROR'))
    assert.equal(fake.counts.authAttempts, 0)
  })
}
