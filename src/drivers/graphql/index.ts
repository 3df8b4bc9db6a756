export { type GraphqlConfig, graphqlConfig } from './config.js'
export { graphql, graphqlSpec } from './spec.js'
