import type { DataSet } from './data-set.js'

/** D2: many short rows, where the cost of a row outweighs the cost of a byte. */
export const INTEGER_ROWS: DataSet = {
  name: 'd2',
  title: '3 integers',
  rows: 5_000_000,
  columns: [
    { name: 'id', mysql: 'INT', postgres: 'integer' },
    { name: 'a', mysql: 'INT', postgres: 'integer' },
    { name: 'b', mysql: 'INT', postgres: 'integer' },
  ],
  row: (id, random) => `${id}\t${random.below(20_000) - 10_000}\t${random.below(10_000)}\n`,
}
