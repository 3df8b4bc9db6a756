import { airlockCopy } from '../cases/airlock-copy.js'
import { LOAD_DATA, LOAD_DATA_PIPE } from '../cases/load-data.js'
import { MIXED_ROWS } from '../data/mixed-rows.js'
import type { Route } from './route.js'
import { tableStages } from './table-stage.js'

/** Postgres → MySQL: the floor, the pipe, and Airlock. */
export const POSTGRES_TO_MYSQL: Route = {
  name: 'postgres-to-mysql',
  sourceName: 'Postgres',
  targetName: 'MySQL',
  readsPostgres: true,
  stages: tableStages([MIXED_ROWS], { from: 'postgresSource', to: 'mysql' }),
  cases: (bin) => [
    LOAD_DATA,
    LOAD_DATA_PIPE,
    airlockCopy({ name: 'airlock', summary: 'airlock copy --mode append --verify count', bin }),
  ],
}
