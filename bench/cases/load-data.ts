import type { DataColumn, DataSet } from '../data/data-set.js'
import type { BenchCase } from './bench-case.js'
import { pipe } from './pipe.js'

/** The floor: no source to read, nothing to convert. What remains is the target server's own LOAD DATA. */
export const LOAD_DATA: BenchCase = {
  name: 'load-data',
  kind: 'floor',
  summary: 'mariadb LOAD DATA LOCAL from a ready file',
  missing: () => undefined,
  prepare: async ({ dataSet, file, servers }) => servers.mysql.loadFrom(dataSet.name, dataSet, file.path),
}

/** The pipe that an engineer types. The `mariadb` client reads its own standard input as the file. */
export const LOAD_DATA_PIPE: BenchCase = {
  name: 'load-data-pipe',
  kind: 'peer',
  summary: 'psql COPY TO STDOUT | mariadb LOAD DATA LOCAL',
  missing: () => undefined,
  prepare: async ({ dataSet, servers }) =>
    pipe(
      servers.postgresSource.psql(`copy (${selectStatement(dataSet)}) to stdout`),
      servers.mysql.loadFrom(dataSet.name, dataSet, '/dev/stdin'),
    ),
}

/** A `timestamptz` is shown with its zone, which MariaDB does not take. */
function selectStatement(dataSet: DataSet): string {
  const cell = ({ name, postgres }: DataColumn): string =>
    postgres.startsWith('timestamptz') ? `${name} AT TIME ZONE 'UTC'` : name
  return `select ${dataSet.columns.map(cell).join(', ')} from ${dataSet.name}`
}
