import type { BenchCase } from './bench-case.js'
import { pipe } from './pipe.js'

/** What the manual names for moving a table between two servers. */
export const PG_DUMP: BenchCase = {
  name: 'pg-dump',
  kind: 'peer',
  summary: 'pg_dump --data-only --table | psql',
  missing: ({ workplace }) => (workplace.programs.pgDump === undefined ? 'no pg_dump on this machine' : undefined),

  async prepare({ dataSet, servers, workplace }) {
    const program = workplace.programs.pgDump ?? 'pg_dump'
    const args = ['--data-only', `--table=public.${dataSet.name}`]
    // Without a command psql reads what to do from its input.
    const writer = servers.postgres.psql()
    return pipe({ program, args, env: servers.postgresSource.clientEnv }, writer)
  },
}
