import { airlockCopy } from '../cases/airlock-copy.js'
import type { BenchCase } from '../cases/bench-case.js'
import { PGLOADER } from '../cases/pgloader.js'
import { PSQL_COPY } from '../cases/psql-copy.js'
import { SHELL_PIPE } from '../cases/shell-pipe.js'

/** MySQL → Postgres: the floor, the peers, and Airlock with and without a mask. */
export function mysqlToPostgres(bin: string): readonly BenchCase[] {
  return [
    PSQL_COPY,
    SHELL_PIPE,
    PGLOADER,
    airlockCopy({ name: 'airlock', summary: 'airlock copy --mode append --verify count', bin }),
    airlockCopy({ name: 'airlock-mask', summary: 'the same with --mask email:tokenize', mask: 'tokenize', bin }),
  ]
}
