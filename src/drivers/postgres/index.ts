export { type PostgresConfig, postgresConfig } from './config.js'
export { postgres, postgresSpec } from './spec.js'
