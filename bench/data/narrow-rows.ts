import type { DataSet } from './data-set.js'

const SHAPE = {
  columns: [
    { name: 'id', mysql: 'INT', postgres: 'integer' },
    { name: 'code', mysql: 'VARCHAR(16)', postgres: 'varchar(16)' },
  ],
  withoutPeers: true,
  row: (id, random) => `${id}\tc${random.uint32().toString(36)}\n`,
} satisfies Partial<DataSet>

/** The same narrow table in two lengths: memory must not grow from the one to the other, and time must grow tenfold. */
export const NARROW_ROWS: DataSet = { ...SHAPE, name: 'n1', title: 'narrow', rows: 1_000_000 }
export const MANY_NARROW_ROWS: DataSet = { ...SHAPE, name: 'n10', title: 'narrow, ten times as many', rows: 10_000_000 }
