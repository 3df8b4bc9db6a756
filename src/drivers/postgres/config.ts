import { z } from 'zod'
import { commonFields, serverFields } from '../../core/config-fields.js'

/** Settings of a Postgres connection. Nothing is ever taken from `PG*` variables or `~/.pgpass`. */
export const postgresConfig = z.strictObject({ ...commonFields, ...serverFields })

export type PostgresConfig = z.output<typeof postgresConfig>
