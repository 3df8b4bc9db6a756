import type { BenchCase } from './bench-case.js'
import { pipe } from './pipe.js'

/** Rows as COPY text from one Postgres into the other, which parses what the first has formatted. */
export const PSQL_PIPE: BenchCase = {
  name: 'psql-pipe',
  kind: 'peer',
  summary: 'psql COPY TO STDOUT | psql COPY FROM STDIN',
  missing: () => undefined,
  prepare: async ({ dataSet, servers }) =>
    pipe(
      servers.postgresSource.psql(`copy ${dataSet.name} to stdout`),
      servers.postgres.psql(`copy ${dataSet.name} from stdin`),
    ),
}
