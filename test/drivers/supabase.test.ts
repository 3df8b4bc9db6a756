import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { redactConnection } from '../../src/config/redact-connection.js'
import type { OpenOptions } from '../../src/core/define-driver.js'
import { postgres, supabase } from '../../src/drivers/index.js'
import { CODES } from '../../src/errors/index.js'
import { Secret } from '../../src/masking/secret.js'
import { countSockets, FaultProxy, type Pgbouncer, settle, startBlackHole, WireFake } from '../../src/testing/index.js'
import { everythingIn } from './leaks.js'
import { numbers } from './rows.js'
import { describePooled, type Endpoints, makeProject, type Project, projectSettings } from './supabase-project.js'
import { failure } from './support.js'

const REF = 'abcdefghijklmnopqrst'
const PASSWORD = new Secret('not a real password', 'test')
/** A multicast address: the kernel refuses to open a TCP connection to it at once. */
const UNREACHABLE = 'ff05::1'

describe('the endpoints of a Supabase project', () => {
  const places = (settings: Parameters<typeof supabase.open>[0]) =>
    supabase.spec.endpoints(supabase.spec.config.parse(settings))

  it('knows the direct host, and the ports of poolers, but no region', () => {
    expect(places({ project_ref: REF })).toEqual([
      { kind: 'tcp', host: `db.${REF}.supabase.co`, port: 5432, label: 'direct' },
    ])
    const host = 'aws-0-eu-west-1.pooler.supabase.com'
    const endpoints: Endpoints = [
      { kind: 'transaction_pooler', host },
      { kind: 'direct', port: 6000 },
      { kind: 'session_pooler', host },
      { kind: 'session_pooler', host, port: 7000 },
    ]
    expect(places({ project_ref: REF, endpoints })).toEqual([
      { kind: 'tcp', host, port: 6543, label: 'transaction_pooler' },
      { kind: 'tcp', host: `db.${REF}.supabase.co`, port: 6000, label: 'direct' },
      { kind: 'tcp', host, port: 5432, label: 'session_pooler' },
      { kind: 'tcp', host, port: 7000, label: 'session_pooler' },
    ])
  })

  it.each([
    ['neither a project nor a url', {}],
    ['both', { project_ref: REF, url: PASSWORD }],
    ['a project that is an address', { project_ref: 'db.example.com' }],
    ['a pooler without a host', { project_ref: REF, endpoints: [{ kind: 'session_pooler' }] }],
    ['endpoints beside a url', { url: PASSWORD, endpoints: [{ kind: 'direct' }] }],
    ['no endpoint', { project_ref: REF, endpoints: [] }],
    ['an endpoint twice', { project_ref: REF, endpoints: [{ kind: 'direct' }, { kind: 'direct', user: 'other' }] }],
    ['another kind', { project_ref: REF, endpoints: [{ kind: 'pooler', host: 'h' }] }],
  ])('refuses %s', async (_, settings) => {
    await failure(supabase.open(settings as never), 'CONFIG_INVALID')
  })

  it('refuses a url without a host, and a url of another kind', async () => {
    const socket = new Secret('postgres://u@%2Fvar%2Frun/db', 'test')
    await failure(supabase.open({ url: socket }), 'CONFIG_INVALID')
    await failure(supabase.open({ url: new Secret('mysql://u@h/db', 'test') }), 'DSN_REFUSED')
  })

  it('shows neither the project nor its hosts and users', () => {
    const values = { project_ref: REF, endpoints: [{ kind: 'session_pooler', host: 'h.test', user: `me.${REF}` }] }
    const shown = redactConnection({ driver: 'supabase', declaration: supabase.spec, values })
    expect(shown).toEqual({
      driver: 'supabase',
      project_ref: 'set',
      endpoints: [{ kind: 'session_pooler', host: 'set', user: 'set' }],
    })
  })

  it('is capped to few sessions, which the pools of small projects have', () => {
    expect(supabase.spec.config.parse({ project_ref: REF }).max_connections).toBe(4)
  })
})

describe('a direct host without a way to it', () => {
  const lookups: Record<string, NonNullable<OpenOptions['lookup']>> = {
    'has no address': () => Promise.reject(Object.assign(new Error('none'), { code: 'ENOTFOUND' })),
    'has an IPv6 address only': async () => [{ address: UNREACHABLE, family: 6 }],
  }

  it.each(Object.entries(lookups))('DU-2 explains what to configure when it %s', async (_, lookup) => {
    const error = await failure(
      supabase.open({ project_ref: REF, password: PASSWORD }, { name: 'app', lookup }),
      'DIRECT_UNREACHABLE',
    )
    expect([error.exitCode, error.connection, error.hint.includes('session_pooler')]).toEqual([3, 'app', true])
    expect(everythingIn(error)).not.toMatch(new RegExp(`${REF}|supabase\\.co|${UNREACHABLE}`))
  })

  // Seen red with `isUnreached` blind to how far connecting came: CONNECT_TIMEOUT, which says nothing of poolers.
  it('DU-2 explains what to configure when its address swallows everything, but not when it stalls later', async () => {
    const address = [{ address: '127.0.0.1', family: 4 }]
    const at = (port: number) => ({
      project_ref: REF,
      password: PASSWORD,
      endpoints: [{ kind: 'direct', port }] satisfies Endpoints,
      connect_timeout_ms: 600,
    })
    const lookup = async () => address
    await using hole = await startBlackHole('127.0.0.1')
    await failure(supabase.open(at(hole.port), { lookup }), 'DIRECT_UNREACHABLE')
    await using silent = await WireFake.start('postgres', { kind: 'accept-stall' })
    await failure(supabase.open(at(silent.port), { lookup }), 'CONNECT_TIMEOUT')
    const nameless = () => new Promise<never>(() => undefined)
    await failure(supabase.open(at(hole.port), { lookup: nameless }), 'CONNECT_TIMEOUT')
    expect(await settle(() => countSockets(silent.port), 0, 2_000)).toBe(0)
  })

  it('leaves other failures as they are', async () => {
    const open = (settings: object, lookup: NonNullable<OpenOptions['lookup']>) =>
      supabase.open({ project_ref: REF, password: PASSWORD, ...settings }, { lookup })
    const missing = () => Promise.reject(Object.assign(new Error('none'), { code: 'ENOTFOUND' }))
    const failing = () => Promise.reject(Object.assign(new Error('later'), { code: 'EAI_AGAIN' }))
    const endpoints: Endpoints = [{ kind: 'direct' }, { kind: 'session_pooler', host: 'pooler.test' }]
    await failure(open({ endpoints }, missing), 'HOST_NOT_FOUND')
    await failure(open({}, failing), 'HOST_NOT_FOUND')
    const url = new Secret('postgres://u:p@db.example.test/postgres', 'test')
    await failure(supabase.open({ url }, { lookup: missing }), 'DIRECT_UNREACHABLE')
    const pooled = new Secret('postgres://u:p@pooler.example.test:6543/postgres', 'test')
    await failure(supabase.open({ url: pooled }, { lookup: missing }), 'HOST_NOT_FOUND')
    expect(CODES.DIRECT_UNREACHABLE.retryable).toBe(false)
  })
})

describePooled('a Supabase project on private servers', (engine, start) => {
  let pooler: Pgbouncer
  let project: Project
  beforeAll(async () => {
    ;[pooler, project] = await Promise.all([start(), makeProject(engine)])
  })
  afterAll(async () => {
    await pooler.stop()
    await project.drop()
  })

  /** Server sessions by login: poolers use the tenant's. */
  const logins = async (): Promise<string[]> => {
    const sql = `SELECT DISTINCT usename FROM pg_stat_activity WHERE datname = '${project.database.name}' AND usename IN ('${project.user}', '${project.tenant}')`
    return (await project.database.rows(sql, 'admin')).flat() as string[]
  }
  const direct = () => ({ kind: 'direct', host: engine.host, port: engine.port }) as const
  const pooled = (kind: 'session_pooler' | 'transaction_pooler') => {
    return { kind, host: pooler.host, port: pooler.port } as const
  }

  it('logs in directly as the user of the database', async () => {
    await using session = await supabase.open(projectSettings(project, [direct(), pooled('session_pooler')]))
    expect(await session.write({ table: 'mine', mode: 'replace' }, numbers('id', 10))).toMatchObject({
      rowsCounted: 10,
    })
    expect(await logins()).toEqual([project.user])
    expect(session.family).toBe('supabase')
    expect(session.capabilities).toEqual(postgres.spec.capabilities)
  })

  it.each(['session_pooler', 'transaction_pooler'] as const)('DU-2 falls back to the %s', async (kind) => {
    const unreachable = { kind: 'direct', host: 'db.project.test' } as const
    const lookup = async () => [{ address: UNREACHABLE, family: 6 }]
    await using session = await supabase.open(projectSettings(project, [unreachable, pooled(kind)]), { lookup })
    await session.ping()
    expect(await logins()).toEqual([project.tenant])
    await engine.endSessions({ user: project.tenant })
  })

  it('DU-2 falls back from a direct address that swallows everything', async () => {
    await using hole = await startBlackHole('127.0.0.1')
    const direct = { kind: 'direct', host: hole.host, port: hole.port } as const
    await using session = await supabase.open(projectSettings(project, [direct, pooled('transaction_pooler')]))
    await session.ping()
    expect(await settle(() => countSockets(hole.port), 0, 2_000)).toBe(0)
  })

  it('gives up a direct endpoint that accepts and then stalls', async () => {
    await using stall = await FaultProxy.start(engine, { kind: 'stall' })
    const settings = projectSettings(project, [{ kind: 'direct', ...place(stall) }, pooled('transaction_pooler')])
    await using session = await supabase.open({ ...settings, connect_timeout_ms: 4_000 })
    await session.ping()
    expect(await settle(() => countSockets(stall.port), 0, 2_000)).toBe(0)
  })

  it('takes the url that the dashboard shows', async () => {
    const { name, password } = project.database
    const url = (user: string, at: { host: string; port: number }) =>
      new Secret(`postgresql://${user}:${password}@${at.host}:${at.port}/${name}`, 'test')
    for (const [user, at] of [
      [project.user, engine],
      [project.tenant, pooler],
    ] as const) {
      await using session = await supabase.open({ url: url(user, at) })
      await session.ping()
    }
    const both = { url: url(project.user, engine), user: 'another' }
    await failure(supabase.open(both), 'CONFIG_INVALID')
  })

  it('verifies the certificate of the pooler against the configured name', async () => {
    const settings = projectSettings(project, [pooled('transaction_pooler')])
    const tls = { mode: 'verify-full', ca: pooler.caFile ?? '', server_name: pooler.serverName ?? '' } as const
    await using session = await supabase.open({ ...settings, tls })
    for await (const batch of session.extract({ query: 'SELECT 1 AS one' })) expect(batch.rowCount).toBe(1)
    await failure(supabase.open({ ...settings, tls: { ...tls, server_name: 'wrong.test' } }), 'TLS_NAME_MISMATCH')
    const another = await start({ client_tls_sslmode: 'disable' })
    try {
      const plain = projectSettings(project, [{ kind: 'transaction_pooler', ...place(another) }])
      await failure(supabase.open({ ...plain, tls }), 'TLS_REFUSED')
    } finally {
      await another.stop()
    }
    expect(await settle(() => countSockets(another.port), 0, 2_000)).toBe(0)
  })
})

function place({ host, port }: { readonly host: string; readonly port: number }) {
  return { host, port }
}
