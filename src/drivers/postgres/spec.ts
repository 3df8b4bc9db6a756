import { type Driver, defineDriver } from '../../core/define-driver.js'
import type { DriverSpec, Endpoint } from '../../core/driver.js'
import { type PostgresConfig, postgresConfig } from './config.js'
import { classifyPostgresError } from './errors.js'
import type { ReadBy } from './read/extractor.js'
import { RAW_FORMATS } from './read/raw-formats.js'
import { POSTGRES_SOURCE_POLICIES } from './read/source-policies.js'
import { PostgresSession } from './session.js'
import { POSTGRES_POLICIES } from './write/policies.js'
import type { WriteBy } from './write/sending.js'
import { POSTGRES_STRATEGIES } from './write/strategies.js'

const DEFAULT_PORT = 5432

/** The declarative part of the Postgres driver. `readBy: 'cursor'` reads without COPY, which is what the driver falls back
 * to by itself where the server refuses it. `writeBy: 'text'` writes rows as COPY text even where binary has a form for them. */
export function postgresSpecReading({
  readBy,
  writeBy = 'binary',
}: {
  readonly readBy: ReadBy
  readonly writeBy?: WriteBy
}): DriverSpec<typeof postgresConfig> {
  return {
    family: 'postgres',
    title: 'PostgreSQL',
    urlSchemes: ['postgres', 'postgresql'],
    defaultPort: DEFAULT_PORT,
    config: postgresConfig,
    capabilities: {
      extract: true,
      incremental: true,
      write: true,
      discover: true,
      query: true,
      modes: ['append', 'replace', 'merge', 'delete+insert'],
      strategies: POSTGRES_STRATEGIES,
      rawFormats: RAW_FORMATS,
    },
    policies: { ...POSTGRES_POLICIES, ...POSTGRES_SOURCE_POLICIES },
    endpoints,
    open: (config, context) => PostgresSession.open(config, context, { readBy, writeBy }),
    classify: classifyPostgresError,
  }
}

/** As it is used: by COPY. */
export const postgresSpec: DriverSpec<typeof postgresConfig> = postgresSpecReading({ readBy: 'copy' })

/** Reads from and writes to PostgreSQL 13 and later. */
export const postgres: Driver<typeof postgresConfig> = defineDriver(postgresSpec)

function endpoints(config: PostgresConfig): readonly Endpoint[] {
  if (config.socket_path !== undefined) return [{ kind: 'unix', path: config.socket_path }]
  return [{ kind: 'tcp', host: config.host ?? 'localhost', port: config.port ?? DEFAULT_PORT }]
}
