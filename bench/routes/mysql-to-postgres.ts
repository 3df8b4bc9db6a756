import { airlockCopy } from '../cases/airlock-copy.js'
import type { BenchCase } from '../cases/bench-case.js'
import { PGLOADER } from '../cases/pgloader.js'
import { PSQL_COPY } from '../cases/psql-copy.js'
import { SHELL_PIPE } from '../cases/shell-pipe.js'

/** MySQL → Postgres: the floor, the peers, and Airlock as it is, bare, and with a mask. */
export function mysqlToPostgres(bin: string): readonly BenchCase[] {
  return [
    PSQL_COPY,
    SHELL_PIPE,
    PGLOADER,
    airlockCopy({ name: 'airlock', summary: 'airlock copy --mode append --verify count', bin }),
    airlockCopy({ name: 'airlock-bare', summary: 'airlock without audit, telemetry and --verify', bare: true, bin }),
    airlockCopy({ name: 'airlock-mask', summary: 'airlock with --mask email:tokenize', mask: 'tokenize', bin }),
  ]
}
