import { airlockCopy } from '../cases/airlock-copy.js'
import { PSQL_COPY } from '../cases/psql-copy.js'
import type { DataSet } from '../data/data-set.js'
import { MIXED_ROWS } from '../data/mixed-rows.js'
import { NARROW_ROWS } from '../data/narrow-rows.js'
import type { Route, StagePlan } from './route.js'
import { tableStage } from './table-stage.js'

const SIZES = [
  ['0', 1, 'start-up'],
  ['100k', 100_000, 'a tenth'],
  ['1m', 1_000_000, 'one'],
  ['10m', 10_000_000, 'ten times'],
] as const

/** How time and memory grow with the number of rows. The stage of a single row is what start-up and clean-up take. */
export const GROWTH: Route = {
  name: 'growth',
  sourceName: 'MySQL',
  targetName: 'Postgres',
  stages: [...stages('narrow', NARROW_ROWS, false), ...stages('mixed', MIXED_ROWS, true)],
  cases: (bin) => [
    PSQL_COPY,
    airlockCopy({ name: 'airlock', summary: 'airlock copy --mode append --verify count', bin }),
  ],
}

function stages(name: string, dataSet: DataSet, optional: boolean): StagePlan[] {
  return SIZES.map(([size, rows, title]) =>
    tableStage(dataSet, {
      from: 'mysql',
      to: 'postgres',
      name: `${name}-${size}`,
      title: `${dataSet.title}, ${title}`,
      rows,
      optional,
    }),
  )
}
