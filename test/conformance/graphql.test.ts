import { afterAll, beforeAll } from 'vitest'
import type { Driver } from '../../src/core/define-driver.js'
import { graphql } from '../../src/drivers/index.js'
import { Secret } from '../../src/masking/secret.js'
import { type Dialect, describeDriver, type ServerFixture } from '../../src/testing/index.js'
import { GraphqlServer } from '../drivers/graphql-server.js'
import { runner } from './runner.js'

type Graphql = typeof graphql.spec.config
type Settings = Parameters<typeof graphql.open>[0]

const TOKEN = 'Y29uZm9ybWFuY2Ugb2YgZ3JhcGhxbA'

/** The suites' requests are SQL, which a GraphQL service has none of: rows are tested in test/drivers/graphql-*.test.ts.
 * What the suites hold of connections holds for it too. The scheme follows the TLS mode that a suite asks for. */
const driver: Driver<Graphql> = {
  ...graphql,
  spec: { ...graphql.spec, capabilities: { ...graphql.spec.capabilities, extract: false, write: false } },
  open: (config, options) => {
    const secure = config.tls !== undefined && config.tls.mode !== 'disable'
    const endpoint = secure ? config.endpoint?.replace('http:', 'https:') : config.endpoint
    return graphql.open({ ...config, endpoint }, options)
  },
}

const NO_SQL: Dialect = {
  fill: () => '',
  createEmpty: () => '',
  sleep: () => '',
  endless: () => '',
  failAt: () => '',
  canonical: [],
}

let server: GraphqlServer
beforeAll(async () => {
  server = await GraphqlServer.start()
  server.allows = ({ authorization }) => authorization === `Bearer ${TOKEN}`
})
afterAll(() => server.stop())

const settings = ({ host, port }: { host: string; port: number }, token: string): Settings => ({
  endpoint: `http://${host}:${port}/graphql`,
  auth: { type: 'bearer', token: new Secret(token, 'token') },
  tls: { mode: 'disable' },
})

const fixture: ServerFixture<Settings> = {
  host: '127.0.0.1',
  get port() {
    return server.port
  },
  wire: 'http',
  stateless: true,
  dialect: NO_SQL,
  stranger: settings,
  createDatabase: async () => ({
    settings: (at) => settings(at, TOKEN),
    exec: async () => undefined,
    rows: async () => [],
    sessions: async () => server.sockets,
    running: async () => 0,
    endSessions: async () => server.cut(),
    drop: async () => undefined,
  }),
}
describeDriver(driver, fixture, runner)
