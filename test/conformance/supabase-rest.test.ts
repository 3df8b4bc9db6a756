import { afterAll, beforeAll } from 'vitest'
import type { Driver } from '../../src/core/define-driver.js'
import { supabaseRest } from '../../src/drivers/index.js'
import { Secret } from '../../src/masking/secret.js'
import { describeDriver, type Engine, engineFixture, type ServerFixture } from '../../src/testing/index.js'
import { PostgrestFake } from '../drivers/postgrest-fake.js'
import { describeWith } from '../setup/engines.js'
import { runner } from './runner.js'

type Rest = typeof supabaseRest.spec.config
type Settings = Parameters<typeof supabaseRest.open>[0]

const KEY = ['sb', 'secret', 'Y29uZm9ybWFuY2U'].join('_')

/** The suites' requests are SQL, which this channel has none of: rows are tested in test/drivers/supabase-rest.test.ts.
 * What the suites hold of connections holds for it too. The scheme follows the TLS mode that a suite asks for. */
const driver: Driver<Rest> = {
  ...supabaseRest,
  spec: { ...supabaseRest.spec, capabilities: { ...supabaseRest.spec.capabilities, extract: false, write: false } },
  open: (config, options) => {
    const secure = config.tls !== undefined && config.tls.mode !== 'disable'
    const { rest_url: url = '' } = config
    return supabaseRest.open(secure ? { ...config, rest_url: url.replace('http:', 'https:') } : config, options)
  },
}

describeWith(['postgres'], 'the REST channel', ({ postgres }) => {
  let api: PostgrestFake
  let database: Awaited<ReturnType<Engine['createDatabase']>>
  beforeAll(async () => {
    database = await postgres.createDatabase('rest')
    api = await PostgrestFake.start(database, { key: KEY })
  })
  afterAll(async () => {
    await api.stop()
    await database.drop()
  })
  const settings = ({ host, port }: { host: string; port: number }, key: string): Settings => ({
    rest_url: `http://${host}:${port}/rest/v1`,
    key: new Secret(key, 'key'),
    tls: { mode: 'disable' },
  })
  const fixture: ServerFixture<Settings> = {
    host: '127.0.0.1',
    get port() {
      return api.port
    },
    wire: 'http',
    stateless: true,
    dialect: engineFixture(postgres).dialect,
    stranger: settings,
    createDatabase: async () => ({
      ...(await engineFixture(postgres).createDatabase()),
      settings: (at) => settings(at, KEY),
      sessions: () => api.connections,
    }),
  }
  describeDriver(driver, fixture, runner)
})
