import type { BenchCase } from './bench-case.js'

/** The floor of a merge: rows from a ready file into a temporary table, and from there into the target. */
export const PSQL_MERGE: BenchCase = {
  name: 'psql-merge',
  kind: 'floor',
  summary: 'psql \\copy from a ready file into a temporary table, INSERT … ON CONFLICT DO UPDATE',
  missing: () => undefined,

  async prepare({ dataSet, file, servers }) {
    const { name, columns } = dataSet
    const sets = columns
      .filter((column) => column.name !== 'id')
      .map((column) => `${column.name} = excluded.${column.name}`)
    return servers.postgres.psql(
      `create temporary table incoming (like ${name})`,
      `\\copy incoming from '${file.path}'`,
      `insert into ${name} select * from incoming on conflict (id) do update set ${sets.join(', ')}`,
    )
  },
}

/** The same rows into an empty table with a key: what a merge costs more than that is the price of merging. */
export const PSQL_COPY_KEYED: BenchCase = {
  name: 'psql-copy',
  kind: 'floor',
  summary: 'psql \\copy from a ready file into an empty table with a key',
  intoEmpty: true,
  missing: () => undefined,
  prepare: async ({ dataSet, file, servers }) => servers.postgres.copyFrom(dataSet.name, file),
}
