import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { MysqlEnd } from '../ends/mysql-end.js'
import type { PostgresEnd } from '../ends/postgres-end.js'
import type { BenchCase } from './bench-case.js'

/** pgloader with settings under which it is quick and lives: with its own defaults for the sizes it runs out of heap on
 * the mixed rows. `tinyint(1)` goes into a smallint, as the target has one. */
export const PGLOADER: BenchCase = {
  name: 'pgloader',
  kind: 'peer',
  summary: 'pgloader, data only, workers 2, concurrency 1, batches of 10,000 rows or 10 MB, prefetch 20,000',
  missing: ({ workplace }) =>
    workplace.programs.pgloader === undefined ? 'not installed (apt-get install pgloader)' : undefined,

  async prepare({ dataSet, servers, workplace, directory }) {
    const script = join(directory, 'pgloader.load')
    await writeFile(script, loadScript(dataSet.name, servers.mysql, servers.postgres), { mode: 0o600 })
    const args = ['--quiet', '--root-dir', directory, script]
    return { program: workplace.programs.pgloader ?? 'pgloader', args, env: { PGTZ: 'UTC' } }
  },
}

function loadScript(table: string, mysql: MysqlEnd, postgres: PostgresEnd): string {
  const source = mysql.database
  const target = postgres.database
  return `
LOAD DATABASE
  FROM mysql://${source.user}:${source.password}@${mysql.host}:${mysql.port}/${source.name}
  INTO postgresql://${target.user}:${target.password}@${postgres.host}:${postgres.port}/${target.name}?sslmode=disable
WITH data only, workers = 2, concurrency = 1,
     batch rows = 10000, batch size = 10MB, prefetch rows = 20000, reset no sequences
CAST type tinyint to smallint drop typemod
INCLUDING ONLY TABLE NAMES MATCHING '${table}'
ALTER SCHEMA '${source.name}' RENAME TO 'public';
`
}
