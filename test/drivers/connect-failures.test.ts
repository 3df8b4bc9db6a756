import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ErrorCode } from '../../src/errors/index.js'
import { Secret } from '../../src/masking/secret.js'
import { countSockets, type Engine, FaultProxy, settle, type TestDatabase } from '../../src/testing/index.js'
import { describeWith } from '../setup/engines.js'
import { everythingIn } from './leaks.js'
import { canary, driverOf, failure, settings, timed } from './support.js'
import { wireFake } from './wire-fake.js'

describeWith(['mysql', 'postgres'], 'a connection that fails', (engines) => {
  describe.each(['mysql', 'postgres'] as const)('to %s', (name) => {
    const engine: Engine = engines[name]
    const driver = driverOf(engine)
    let database: TestDatabase
    beforeAll(async () => {
      database = await engine.createDatabase('connect')
    })
    afterAll(() => database.drop())

    type Settings = Parameters<typeof driver.open>[0]
    /** The open fails with this code in time, says nothing of what it was given, and leaves nothing open. */
    const expectFailure = async (given: Settings, code: ErrorCode, ms = 3_000) => {
      const { ms: took, result: error } = await timed(() => failure(driver.open(given), code))
      expect(took).toBeLessThan(ms)
      const said = everythingIn(error)
      const password = given.password as Secret<string> | undefined
      const secrets = [given.user, given.database, password?.reveal(), database.name, database.password, given.host]
      for (const secret of secrets) {
        if (secret !== undefined && secret !== '') expect(said).not.toContain(secret)
      }
      expect(said).not.toContain(String(given.port))
      expect(await settle(() => countSockets(given.port!), 0, 1_000)).toBe(0)
      return error
    }
    const login = () => settings(engine, database)

    it('wrong password', async () => {
      const error = await expectFailure({ ...login(), password: new Secret(canary(), 'p') }, 'AUTH_FAILED')
      expect([error.exitCode, error.retryable, error.phase]).toEqual([3, false, 'connect'])
      expect(error.origin).toBe(name === 'mysql' ? 'MYSQL_1045' : '28P01')
    })

    it('no password, also where the environment has one', async () => {
      const { password, ...rest } = login()
      expect(password.reveal()).not.toBe('')
      await withEnvironment({ PGPASSWORD: database.password, MYSQL_PWD: database.password }, async () => {
        await expectFailure(rest, 'AUTH_FAILED')
      })
    })

    it('unknown user', async () => {
      await expectFailure({ ...login(), user: canary('u') }, 'AUTH_FAILED')
    })

    it('unknown database', async () => {
      await expectFailure({ ...login(), database: canary('d') }, 'DATABASE_NOT_FOUND')
    })

    it('unknown host', async () => {
      const error = await expectFailure({ ...login(), host: `${canary('h')}.invalid` }, 'HOST_NOT_FOUND', 5_000)
      expect(error.retryable).toBe(true)
    })

    it('refused port', async () => {
      await using proxy = await FaultProxy.start(engine, { kind: 'refuse' })
      const error = await expectFailure({ ...login(), port: proxy.port }, 'CONNECT_REFUSED')
      expect([error.origin, error.retryable]).toEqual(['ECONNREFUSED', true])
    })

    it('missing socket', async () => {
      const { host, port, ...rest } = login()
      expect([host, port].length).toBe(2)
      const path = `/tmp/${canary('s')}`
      const error = await failure(driver.open({ ...rest, socket_path: path }), 'CONNECT_REFUSED')
      expect(everythingIn(error)).not.toContain(path)
    })

    it.each([
      ['accepts and stalls', { kind: 'stall' }],
      ['stalls after the first bytes', { kind: 'throttle', bytesPerSecond: 5 }],
    ] as const)('a server that %s', async (_, behaviour) => {
      await using proxy = await FaultProxy.start(engine, behaviour)
      await expectFailure({ ...login(), port: proxy.port, connect_timeout_ms: 400 }, 'CONNECT_TIMEOUT', 5_000)
      await proxy.close()
      expect(await settle(() => countSockets(engine.port), 0, 1_000)).toBe(0)
      expect(await settle(() => engine.sessions({ user: database.user }), 0, 1_000)).toBe(0)
    })

    it('a server that hangs up at once', async () => {
      await using fake = await wireFake((socket) => void socket.end())
      const error = await expectFailure({ ...login(), port: fake.port }, 'CONNECT_RESET')
      expect(error.retryable).toBe(true)
    })

    it.each([
      ['HTTP', 'HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n'],
      ['zeros', '\0'.repeat(64)],
      ['noise', Buffer.from('ff00ff00a5a5a5a5'.repeat(40), 'hex')],
      ['text', 'SSH-2.0-OpenSSH_9.6\r\n'],
    ])('a greeting of %s', async (_, bytes) => {
      await using fake = await wireFake((socket) => void socket.write(bytes))
      const given = { ...login(), port: fake.port, connect_timeout_ms: 600 }
      const { ms, result } = await timed(() => failure(driver.open(given)))
      expect(['PROTOCOL_ERROR', 'CONNECT_TIMEOUT', 'CONNECT_RESET', 'AUTH_FAILED']).toContain(result.code)
      expect(result.exitCode === 3 || result.code === 'PROTOCOL_ERROR').toBe(true)
      expect(ms).toBeLessThan(2_000)
      expect(await settle(() => countSockets(fake.port), 0, 1_000)).toBe(0)
    })

    it('an abort, before and while it connects', async () => {
      await using proxy = await FaultProxy.start(engine, { kind: 'stall' })
      const given = { ...login(), port: proxy.port }
      await failure(driver.open(given, { signal: AbortSignal.abort() }), 'ABORTED')
      const stop = new AbortController()
      const opening = failure(driver.open(given, { signal: stop.signal }), 'ABORTED')
      setTimeout(() => stop.abort(), 100)
      expect((await timed(() => opening)).ms).toBeLessThan(4_000)
      expect(await settle(() => countSockets(proxy.port), 0, 500)).toBe(0)
    })

    it('thirty times, and nothing is left', async () => {
      await using refusing = await FaultProxy.start(engine, { kind: 'refuse' })
      await using stalling = await FaultProxy.start(engine, { kind: 'stall' })
      const wrong: Settings[] = [
        { ...login(), password: new Secret(canary(), 'p') },
        { ...login(), database: canary('d') },
        { ...login(), port: refusing.port },
        { ...login(), port: stalling.port, connect_timeout_ms: 200 },
        { ...login(), tls: { mode: 'verify-full', server_name: 'localhost' } },
        { ...login(), tls: { mode: 'verify-full', server_name: 'localhost', ca: '/nowhere/ca.pem' } },
      ]
      const all = Array.from({ length: 30 }, (_, index) => failure(driver.open(wrong[index % wrong.length]!)))
      const codes = new Set((await Promise.all(all)).map(({ code }) => code))
      expect(codes.size).toBeGreaterThan(4)
      expect(await settle(() => countSockets(engine.port, refusing.port, stalling.port), 0, 1_000)).toBe(0)
      expect(await settle(() => engine.sessions({ user: database.user }), 0, 1_000)).toBe(0)
    })

    it('settings that make no sense, before anything is dialled', async () => {
      const bad: [Settings, string][] = [
        [{ ...login(), port: 0 }, 'port'],
        [{ ...login(), hots: 'x' } as Settings, 'hots'],
        [{ ...login(), password: canary() as unknown as Secret<string> }, 'password'],
        [{ ...login(), url: new Secret('x', 'u') }, 'host'],
        [{ ...login(), connect_timeout_ms: -1 }, 'connect_timeout_ms'],
      ]
      for (const [given, at] of bad) {
        const error = await failure(driver.open(given), 'CONFIG_INVALID')
        expect(error.message).toContain(`at ${at}:`)
        expect(everythingIn(error)).not.toContain(String(given.password))
      }
      const url = `${name}://u:${canary()}/x@h/d`
      const refused = await failure(driver.open({ url: new Secret(url, 'u') }), 'DSN_REFUSED')
      expect(everythingIn(refused)).not.toContain('cnry')
    })
  })
})

async function withEnvironment(values: Readonly<Record<string, string>>, work: () => Promise<void>): Promise<void> {
  const before = Object.fromEntries(Object.keys(values).map((name) => [name, process.env[name]]))
  Object.assign(process.env, values)
  try {
    await work()
  } finally {
    for (const [name, value] of Object.entries(before)) {
      if (value === undefined) delete process.env[name]
      else process.env[name] = value
    }
  }
}
