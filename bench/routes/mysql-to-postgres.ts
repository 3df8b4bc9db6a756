import { airlockCopy } from '../cases/airlock-copy.js'
import { naive } from '../cases/naive.js'
import { PGLOADER } from '../cases/pgloader.js'
import { PSQL_COPY } from '../cases/psql-copy.js'
import { SHELL_PIPE } from '../cases/shell-pipe.js'
import { INTEGER_ROWS } from '../data/integer-rows.js'
import { MIXED_ROWS } from '../data/mixed-rows.js'
import { MANY_NARROW_ROWS, NARROW_ROWS } from '../data/narrow-rows.js'
import { WIDE_ROWS } from '../data/wide-rows.js'
import type { Route } from './route.js'
import { tableStages } from './table-stage.js'

const DATA_SETS = [MIXED_ROWS, INTEGER_ROWS, WIDE_ROWS, NARROW_ROWS, MANY_NARROW_ROWS]

/** MySQL → Postgres: the floor, the peers, and Airlock as it is, bare, and with a mask; on demand what each of its
 * features costs by itself, and the code that one would write instead. */
export const MYSQL_TO_POSTGRES: Route = {
  name: 'mysql-to-postgres',
  sourceName: 'MySQL',
  targetName: 'Postgres',
  stages: tableStages(DATA_SETS, { from: 'mysql', to: 'postgres' }),
  cases: (bin) => [
    PSQL_COPY,
    SHELL_PIPE,
    PGLOADER,
    airlockCopy({ name: 'airlock', summary: 'airlock copy --mode append --verify count', bin }),
    airlockCopy({
      name: 'airlock-bare',
      summary: 'airlock without audit, telemetry and --verify',
      records: false,
      verify: 'none',
      bin,
    }),
    airlockCopy({ name: 'airlock-mask', summary: 'airlock with --mask email:tokenize', mask: 'tokenize', bin }),
    airlockCopy({ name: 'airlock-verify-none', summary: 'airlock --verify none', verify: 'none', optional: true, bin }),
    airlockCopy({
      name: 'airlock-verify-checksum',
      summary: 'airlock --verify checksum',
      verify: 'checksum',
      optional: true,
      bin,
    }),
    airlockCopy({
      name: 'airlock-no-records',
      summary: 'airlock without audit and telemetry, --verify count',
      records: false,
      optional: true,
      bin,
    }),
    airlockCopy({ name: 'airlock-tls', summary: 'airlock with TLS on both legs', tls: true, optional: true, bin }),
    airlockCopy({
      name: 'airlock-2-ranges',
      summary: 'airlock run --parallel 2, partition_by id, in one thread',
      ranges: { count: 2, threads: false },
      optional: true,
      bin,
    }),
    airlockCopy({
      name: 'airlock-2-threads',
      summary: 'the same in two threads',
      ranges: { count: 2, threads: true },
      optional: true,
      bin,
    }),
    naive({
      name: 'naive',
      summary: 'mysql2, all rows in memory, pg, INSERT of 1000 rows (one round only)',
      program: 'mysql-to-postgres',
      optional: true,
      once: true,
    }),
  ],
}
