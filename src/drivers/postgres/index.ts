export { type PostgresConfig, postgresConfig } from './config.js'
export { classifyPostgresError } from './errors.js'
export { PostgresSession } from './session.js'
export { postgres, postgresSpec, postgresSpecReading } from './spec.js'
