import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, it } from 'vitest'
import { countSockets, settle, WireFake } from '../../src/testing/index.js'
import { canary, driverOf, failure, settings } from '../drivers/support.js'
import { describeWith } from '../setup/engines.js'

describeWith(['mysql', 'postgres'], 'DU-7 the environment', (engines) => {
  const before = { ...process.env }
  afterEach(() => {
    for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name]
    Object.assign(process.env, before)
  })

  it.each(['mysql', 'postgres'] as const)(
    'supplies no credential that was not asked for (authentications at the server): %s',
    async (name) => {
      const engine = engines[name]
      const database = await engine.createDatabase('environs')
      const home = await mkdtemp(join(tmpdir(), 'airlock-'))
      try {
        const { user, password } = database
        const pgpass = join(home, '.pgpass')
        await writeFile(pgpass, `*:*:*:*:${password}\n`, { mode: 0o600 })
        await writeFile(join(home, '.my.cnf'), `[client]\nuser=${user}\npassword=${password}\n`, { mode: 0o600 })
        // The right credential lies everywhere that a client library has ever looked.
        Object.assign(process.env, { HOME: home, PGPASSFILE: pgpass, PGPASSWORD: password, MYSQL_PWD: password })
        Object.assign(process.env, { PGUSER: user, PGDATABASE: database.name, USER: user, MYSQL_USER: user })
        const { password: _, ...without } = settings(engine, database)
        await failure(driverOf(engine).open(without), 'AUTH_FAILED')
        const { user: __, ...nobody } = without
        await failure(driverOf(engine).open(nobody), ...(name === 'postgres' ? ['CONFIG_INVALID' as const] : []))
        expect(await settle(() => engine.sessions({ user }), 0, 1_000)).toBe(0)
        expect(await settle(() => countSockets(engine.port), 0, 1_000)).toBe(0)
      } finally {
        await database.drop()
        await rm(home, { recursive: true })
      }
    },
  )

  it.each(['mysql', 'postgres'] as const)(
    'changes nothing of what is sent, nor whether it is encrypted (bytes on the wire): %s',
    async (name) => {
      const planted = Object.fromEntries(
        ['PGHOST', 'PGUSER', 'PGPASSWORD', 'PGDATABASE', 'PGAPPNAME', 'PGOPTIONS', 'PGCLIENTENCODING'].map(
          (variable) => [variable, canary(variable.toLowerCase())],
        ),
      )
      Object.assign(process.env, planted, { PGPORT: '1', PGSSLMODE: 'disable', PGSSLNEGOTIATION: 'direct' })
      await using fake = await WireFake.start(name, { kind: 'auth-refused' })
      const login = { name: 'some', user: 'body', password: canary() }
      await failure(driverOf(engines[name]).open(settings(fake, login)), 'AUTH_FAILED')
      expect(fake.counts).toMatchObject({ connections: 1, authAttempts: 1 })
      expect(fake.received('body')).toBe(true)
      for (const value of Object.values(planted)) expect(fake.received(value)).toBe(false)
      await using plain = await WireFake.start(name, { kind: 'tls-refused' })
      const encrypted = { ...settings(plain, login), tls: { mode: 'require' } } as const
      await failure(driverOf(engines[name]).open(encrypted), 'TLS_REFUSED')
      expect(plain.received('body')).toBe(false)
    },
  )
})
