import { type Driver, defineDriver } from '../../core/define-driver.js'
import type { DriverSpec } from '../../core/driver.js'
import { graphqlConfig } from './config.js'
import { classifyGraphqlError } from './errors.js'
import { parseAddress } from './http/address.js'
import { GRAPHQL_POLICIES } from './policies.js'
import { GraphqlSession } from './session.js'

/** The declarative part of the GraphQL driver. */
export const graphqlSpec: DriverSpec<typeof graphqlConfig> = {
  family: 'graphql',
  title: 'GraphQL over HTTP',
  urlSchemes: [],
  defaultPort: 443,
  config: graphqlConfig,
  capabilities: {
    extract: true,
    write: true,
    atomicWrites: false,
    discover: true,
    query: false,
    modes: ['append'],
    rawFormats: [],
  },
  policies: GRAPHQL_POLICIES,
  ownDeadlines: true,
  endpoints(config) {
    const { host, port } = parseAddress(config.endpoint)!
    return [{ kind: 'tcp', host, port }]
  },
  reaches({ auth }) {
    if (auth?.type !== 'oauth2') return []
    const { host, port } = parseAddress(auth.token_url)!
    return [{ kind: 'tcp', host, port }]
  },
  open: (config, context) => GraphqlSession.open(config, context),
  classify: classifyGraphqlError,
}

/** Reads from and writes to GraphQL services. */
export const graphql: Driver<typeof graphqlConfig> = defineDriver(graphqlSpec)
