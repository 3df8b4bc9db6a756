import { airlockCopy } from '../cases/airlock-copy.js'
import { PG_DUMP } from '../cases/pg-dump.js'
import { PSQL_COPY } from '../cases/psql-copy.js'
import { PSQL_PIPE } from '../cases/psql-pipe.js'
import { INTEGER_ROWS } from '../data/integer-rows.js'
import { MIXED_ROWS } from '../data/mixed-rows.js'
import type { Route } from './route.js'
import { tableStages } from './table-stage.js'

/** Postgres → Postgres, each a server of its own: the floor, the peers, and Airlock in clear, with a mask and with TLS. */
export const POSTGRES_TO_POSTGRES: Route = {
  name: 'postgres-to-postgres',
  sourceName: 'source',
  targetName: 'target',
  readsPostgres: true,
  stages: tableStages([MIXED_ROWS, INTEGER_ROWS], { from: 'postgresSource', to: 'postgres' }),
  cases: (bin) => [
    PSQL_COPY,
    PSQL_PIPE,
    PG_DUMP,
    airlockCopy({ name: 'airlock', summary: 'airlock copy --mode append --verify count', bin }),
    airlockCopy({
      name: 'airlock-mask',
      summary: 'airlock with --mask email:partial-email',
      mask: 'partial-email',
      bin,
    }),
    airlockCopy({ name: 'airlock-tls', summary: 'airlock with TLS on both legs', tls: true, bin }),
  ],
}
