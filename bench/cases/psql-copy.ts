import type { BenchCase } from './bench-case.js'

/** The floor: no source to read, nothing to convert. What remains is the target server's own COPY. */
export const PSQL_COPY: BenchCase = {
  name: 'psql-copy',
  kind: 'floor',
  summary: 'psql \\copy from a ready file',
  missing: () => undefined,
  prepare: async ({ dataSet, file, servers }) => servers.postgres.copyFrom(dataSet.name, file),
}
