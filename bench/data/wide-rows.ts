import { days } from './calendar.js'
import type { DataColumn, DataSet } from './data-set.js'
import type { Random } from './random.js'

const WORDS = ['amber', 'birch', 'cedar', 'delta', 'ember', 'flint', 'grove', 'heath']
const DAYS = days(2015, 3_600)

/** The kinds of cell that take turns after `id`. */
const KINDS = [
  { type: ['INT', 'integer'], cell: (random: Random) => String(random.below(100_000)) },
  { type: ['VARCHAR(20)', 'varchar(20)'], cell: (random: Random) => random.pick(WORDS) },
  { type: ['SMALLINT', 'smallint'], cell: (random: Random) => String(random.below(1_000) - 500) },
  {
    type: ['DECIMAL(8,2)', 'numeric(8,2)'],
    cell: (random: Random) => `${random.below(10_000)}.${random.below(90) + 10}`,
  },
  { type: ['DATE', 'date'], cell: (random: Random) => random.pick(DAYS) },
] as const

const CELLS = Array.from({ length: 59 }, (_, index) => KINDS[index % KINDS.length] as (typeof KINDS)[number])

/** D3: wide rows of short cells, where the cost of a cell outweighs the rest. */
export const WIDE_ROWS: DataSet = {
  name: 'd3',
  title: '60 columns',
  rows: 100_000,
  columns: [
    { name: 'id', mysql: 'INT', postgres: 'integer' },
    ...CELLS.map(({ type: [mysql, postgres] }, index): DataColumn => ({ name: `c${index + 1}`, mysql, postgres })),
  ],
  row: (id, random) => `${id}\t${CELLS.map(({ cell }) => cell(random)).join('\t')}\n`,
}
