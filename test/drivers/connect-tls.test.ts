import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ErrorCode } from '../../src/errors/index.js'
import { makeCertificates } from '../../src/testing/engines/certificates.js'
import { countSockets, type Engine, settle, type TestDatabase } from '../../src/testing/index.js'
import { describeWith } from '../setup/engines.js'
import { everythingIn } from './leaks.js'
import { canStart, startPrivate } from './private.js'
import { driverOf, failure, settings } from './support.js'

describeWith(['mysql', 'postgres'], 'TLS', () => {
  describe.each((['mysql', 'postgres'] as const).filter((name) => canStart[name]))('of %s', (name) => {
    let good: Engine
    let plain: Engine
    let expired: Engine
    let elsewhere: Engine
    beforeAll(async () => {
      ;[good, plain, expired, elsewhere] = await Promise.all([
        startPrivate(name, {}),
        startPrivate(name, { tls: false }),
        startPrivate(name, { certificate: { expired: true } }),
        startPrivate(name, { certificate: { names: ['elsewhere.airlock.test'] } }),
      ])
    })
    afterAll(() => Promise.all([good, plain, expired, elsewhere].map((engine) => engine?.stop())))

    type Tls = NonNullable<Parameters<ReturnType<typeof driverOf>['open']>[0]['tls']>
    /** One database for each server: creating one is the slow part. */
    const databases = new Map<Engine, Promise<TestDatabase>>()
    const connect = async (engine: Engine, tls: Tls, host?: string) => {
      if (!databases.has(engine)) databases.set(engine, engine.createDatabase('tls'))
      const database = await databases.get(engine)!
      const given = { ...settings(engine, database), tls, ...(host === undefined ? {} : { host }) }
      const session = await driverOf(engine).open(given, { lookup: async () => [{ address: '127.0.0.1', family: 4 }] })
      try {
        await session.ping()
        return await encrypted(engine, database)
      } finally {
        await session.close()
      }
    }
    const ca = (engine: Engine) => engine.caFile!

    it('is used and verified, by the name that was configured or set', async () => {
      expect(await connect(good, { mode: 'verify-full', ca: ca(good), server_name: 'localhost' })).toBe(true)
      expect(await connect(good, { mode: 'verify-full', ca: ca(good), server_name: 'db.airlock.test' })).toBe(true)
      // The name as host, resolved to an address: no setting at all but the authority.
      expect(await connect(good, { ca: ca(good) }, 'db.airlock.test')).toBe(true)
      expect(await connect(good, { mode: 'verify-ca', ca: ca(good) })).toBe(true)
      expect(await connect(good, { mode: 'require' })).toBe(true)
      expect(await connect(expired, { mode: 'require' })).toBe(true)
      expect(await connect(elsewhere, { mode: 'verify-ca', ca: ca(elsewhere) })).toBe(true)
      expect(await connect(good, { mode: 'disable' })).toBe(false)
    })

    const refusals: [string, () => [Engine, Tls, string?], ErrorCode][] = [
      [
        'an authority that nobody knows',
        () => [good, { mode: 'verify-full', server_name: 'localhost' }],
        'TLS_UNTRUSTED',
      ],
      [
        'another authority',
        () => [good, { mode: 'verify-ca', ca: makeCertificates({ names: ['localhost'] }).ca }],
        'TLS_UNTRUSTED',
      ],
      [
        'another name',
        () => [elsewhere, { mode: 'verify-full', ca: ca(elsewhere), server_name: 'localhost' }],
        'TLS_NAME_MISMATCH',
      ],
      [
        'an address that the certificate does not name',
        () => [good, { mode: 'verify-full', ca: ca(good) }],
        'TLS_NAME_MISMATCH',
      ],
      ['another name as host', () => [good, { ca: ca(good) }, 'other.airlock.test'], 'TLS_NAME_MISMATCH'],
      [
        'an expired certificate',
        () => [expired, { mode: 'verify-full', ca: ca(expired), server_name: 'localhost' }],
        'TLS_EXPIRED',
      ],
      [
        'an expired certificate under verify-ca',
        () => [expired, { mode: 'verify-ca', ca: ca(expired) }],
        'TLS_EXPIRED',
      ],
      ['a server without TLS', () => [plain, { mode: 'require' }], 'TLS_REFUSED'],
      ['a host that is not loopback and not told otherwise', () => [plain, {}, 'db.airlock.test'], 'TLS_REFUSED'],
    ]
    it.each(refusals)('refuses %s', async (_, arrange, code) => {
      const [engine, tls, host] = arrange()
      const error = await failure(connect(engine, tls, host), code)
      expect(error.exitCode).toBe(3)
      const said = everythingIn(error)
      expect(said).not.toContain('airlock.test')
      expect(said).not.toContain('BEGIN CERTIFICATE')
      expect(await settle(() => countSockets(engine.port), 0, 1_000)).toBe(0)
    })
  })
})

/** Whether the session of this user is encrypted, as the server sees it. */
async function encrypted(engine: Engine, database: TestDatabase): Promise<boolean> {
  if (engine.engine === 'postgres') {
    const [row] = await database.rows(
      `SELECT ssl::text FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid) WHERE a.usename = '${database.user}'`,
      'admin',
    )
    return row?.[0] === 'true'
  }
  // MySQL only counts handshakes; the administrator of these servers logs in without TLS.
  const [row] = await database.rows("SHOW GLOBAL STATUS LIKE 'Ssl_finished_accepts'")
  const before = accepted.get(engine) ?? 0
  accepted.set(engine, Number(row?.[1]))
  return Number(row?.[1]) > before
}

const accepted = new WeakMap<Engine, number>()
