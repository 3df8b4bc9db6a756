import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { connect } from '../../src/core/connect.js'
import { dial, type Lookup, resolveCandidates } from '../../src/core/dial.js'
import type { Endpoint, Session } from '../../src/core/driver.js'
import { ErrorBoundary } from '../../src/core/errors-at-boundary.js'
import { AirlockError, type ErrorCode } from '../../src/errors/index.js'
import { countSockets, FaultProxy, settle } from '../../src/testing/index.js'
import { failure, timed } from '../drivers/support.js'
import { wireFake } from '../drivers/wire-fake.js'

const never = () => new AbortController().signal
const tcp = (host: string, port = 1): Endpoint => ({ kind: 'tcp', host, port })
const lookup =
  (table: Record<string, readonly string[]>): Lookup =>
  async (host) => {
    const found = table[host]
    if (found === undefined) throw Object.assign(new Error('no such host'), { code: 'ENOTFOUND' })
    return found.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }))
  }

async function hosts(endpoints: readonly Endpoint[], table: Record<string, readonly string[]>): Promise<string[]> {
  const candidates = await resolveCandidates(endpoints, never(), lookup(table))
  return candidates.map(({ address }) => ('path' in address ? address.path : `${address.host}:${address.port}`))
}

describe('the candidates of a connection', () => {
  it('are IPv6 before IPv4, in the order of the name server, whatever that shuffles', async () => {
    const expected = ['2001:db8::1:1', '2001:db8::2:1', '192.0.2.1:1', '192.0.2.2:1']
    const mixed = ['192.0.2.1', '2001:db8::1', '192.0.2.2', '2001:db8::2']
    expect(await hosts([tcp('a')], { a: mixed })).toEqual(expected)
    expect(await hosts([tcp('a')], { a: ['2001:db8::1', '2001:db8::2', '192.0.2.1', '192.0.2.2'] })).toEqual(expected)
  })

  it('are tried once each: duplicates and IPv4-mapped twins fall away', async () => {
    const twins = ['192.0.2.1', '::ffff:192.0.2.1', '::FFFF:192.0.2.1', '2001:db8::1', '192.0.2.1', '2001:db8::1']
    expect(await hosts([tcp('a')], { a: twins })).toEqual(['2001:db8::1:1', '192.0.2.1:1'])
  })

  it('follow the endpoints as configured; addresses are not looked up; sockets stand for themselves', async () => {
    const endpoints: Endpoint[] = [
      tcp('b', 2),
      { kind: 'unix', path: '/run/db' },
      tcp('192.0.2.9', 3),
      tcp('::1', 4),
      tcp('a', 5),
    ]
    expect(await hosts(endpoints, { a: ['192.0.2.1'], b: ['192.0.2.2'] })).toEqual([
      '192.0.2.2:2',
      '/run/db',
      '192.0.2.9:3',
      '::1:4',
      '192.0.2.1:5',
    ])
  })

  it('leave out a name without an address while another has one', async () => {
    expect(await hosts([tcp('gone'), tcp('a')], { a: ['192.0.2.1'] })).toEqual(['192.0.2.1:1'])
    await expect(hosts([tcp('gone'), tcp('gone2')], {})).rejects.toMatchObject({ code: 'ENOTFOUND' })
    await failure(hosts([tcp('empty')], { empty: [] }), 'HOST_NOT_FOUND')
  })

  it('are not waited for when the signal aborts', async () => {
    const endless: Lookup = () => new Promise(() => undefined)
    const signal = AbortSignal.timeout(50)
    const { ms } = await timed(() =>
      expect(resolveCandidates([tcp('a')], signal, endless)).rejects.toMatchObject({ name: 'TimeoutError' }),
    )
    expect(ms).toBeLessThan(5_000)
  })
})

describe('a dialled socket', () => {
  it('is gone when the dial is aborted or refused', async () => {
    await using fake = await wireFake(() => undefined)
    const socket = await dial({ host: '127.0.0.1', port: fake.port }, never())
    expect(await countSockets(fake.port)).toBe(1)
    socket.destroy()
    expect(await settle(() => countSockets(fake.port), 0, 500)).toBe(0)
    await expect(dial({ host: '127.0.0.1', port: fake.port }, AbortSignal.abort())).rejects.toThrow()
    expect(await settle(() => countSockets(fake.port), 0, 500)).toBe(0)
    await expect(dial({ path: '/nowhere/db.sock' }, never())).rejects.toMatchObject({ code: 'ENOENT' })
  })
})

describe('the attempt loop', () => {
  const session = { ping: async () => undefined, close: async () => undefined } satisfies Session
  const boundary = new ErrorBoundary(() => undefined, undefined, undefined)
  const attempt = (
    ports: readonly number[],
    open: (index: number) => Promise<Session>,
    options: { signal?: AbortSignal; timeoutMs?: number } = {},
  ) => {
    let attempts = 0
    const counters: Record<string, number> = {}
    const outcome = connect({
      endpoints: ports.map((port) => tcp('127.0.0.1', port)),
      tls: undefined,
      timeoutMs: options.timeoutMs ?? 2_000,
      signal: options.signal,
      boundary,
      ports: {
        telemetry: {
          add: (more) => {
            for (const [name, count] of Object.entries(more)) counters[name] = (counters[name] ?? 0) + count
          },
        },
      },
      open: () => open(attempts++),
    })
    return { outcome, attempts: () => attempts, counters }
  }
  const refuse = (code: ErrorCode) => async () => {
    throw new AirlockError(code)
  }

  it('goes on to the next candidate, and each failed attempt leaves no socket', async () => {
    await using one = await wireFake(() => undefined)
    await using two = await wireFake(() => undefined)
    const counts: number[] = []
    const loop = attempt([one.port, one.port, two.port], async (index) => {
      counts.push(await countSockets(one.port))
      if (index < 2) throw new AirlockError('CONNECT_RESET')
      return session
    })
    const { socket } = await loop.outcome
    expect(counts).toEqual([1, 1, 0])
    expect(loop.counters).toEqual({ connections_failed: 2, connections_opened: 1 })
    socket.destroy()
    expect(await settle(() => countSockets(one.port, two.port), 0, 500)).toBe(0)
  })

  it.each(['AUTH_FAILED', 'DATABASE_NOT_FOUND', 'TLS_UNTRUSTED', 'CLEARTEXT_REFUSED'] as const)(
    'ends at %s: the account is not tried again',
    async (code) => {
      await using fake = await wireFake(() => undefined)
      const loop = attempt([fake.port, fake.port, fake.port], refuse(code))
      const error = await failure(loop.outcome, code)
      expect(loop.attempts()).toBe(1)
      expect(error.message).not.toContain('attempts')
    },
  )

  it('says how many attempts there were, and tells of the one that got furthest', async () => {
    await using proxy = await FaultProxy.start({ host: '127.0.0.1', port: 1 }, { kind: 'refuse' })
    await using fake = await wireFake(() => undefined)
    const hangUp = async () => {
      throw Object.assign(new Error('secret-host'), { code: 'EPROTO' })
    }
    const loop = attempt([proxy.port, fake.port, proxy.port], hangUp)
    const error = await failure(loop.outcome, 'TLS_FAILED')
    expect(error.message).toMatch(/\(2 attempts\)$/)
    expect(
      (await failure(attempt([proxy.port, proxy.port], refuse('INTERNAL')).outcome, 'CONNECT_REFUSED')).message,
    ).toMatch(/\(2 attempts\)$/)
  })

  it('gives an address that accepts and stalls its share of the time only', async () => {
    await using fake = await wireFake(() => undefined)
    const stall = (index: number) => (index === 0 ? new Promise<Session>(() => undefined) : Promise.resolve(session))
    const loop = attempt([fake.port, fake.port], stall, { timeoutMs: 6_000 })
    const { ms, result } = await timed(() => Promise.race([loop.outcome, sleep(15_000, undefined, { ref: false })]))
    expect(result?.session).toBe(session)
    expect(ms).toBeLessThan(5_000)
    result?.socket.destroy()
  })
})
