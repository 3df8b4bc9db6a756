import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { DataSet } from '../data/data-set.js'
import type { BenchCase } from './bench-case.js'
import { word, words } from './shell-words.js'

/** The pipe that an engineer types. Quick, but not safe: the `mariadb` client writes NULL as the word NULL, so that a
 * text "NULL" is lost, and does not escape a carriage return. The generated data has neither. */
export const SHELL_PIPE: BenchCase = {
  name: 'shell-pipe',
  kind: 'peer',
  summary: 'mariadb -q | sed | psql COPY (sed only where there are NULLs)',
  missing: () => undefined,

  async prepare({ dataSet, servers, workplace, directory }) {
    const { mysql, postgres } = servers
    const query = join(directory, 'select.sql')
    await writeFile(query, selectStatement(dataSet))
    const reader = [workplace.programs.mariadb, '--quick', '--batch', '--skip-column-names', ...mysql.clientArgs]
    const writer = postgres.psql(`copy ${dataSet.name} from stdin`)
    const script = [
      `${words(reader)} < ${word(query)}`,
      ...nullFilter(dataSet),
      words([writer.program, ...writer.args]),
    ].join(' | ')
    return { program: '/bin/sh', args: ['-c', script], env: { ...mysql.clientEnv, ...postgres.clientEnv } }
  },
}

/** Bytes are printed the way in which Postgres reads them; the client doubles the backslash. */
function selectStatement(dataSet: DataSet): string {
  const columns = dataSet.columns.map(({ name, binary }) =>
    binary === true ? `CONCAT('\\\\x', LOWER(HEX(${name})))` : name,
  )
  return `SET time_zone = '+00:00'; SELECT ${columns.join(', ')} FROM ${dataSet.name};\n`
}

/** One pass of a pattern is enough while no two nullable columns are neighbours and none is first or last. */
function nullFilter(dataSet: DataSet): string[] {
  const nullable = dataSet.columns.map((column) => column.nullable === true)
  if (!nullable.includes(true)) return []
  const hard = nullable.some((is, index) => is && (nullable[index + 1] ?? true))
  if (hard || nullable[0] === true) throw new Error(`the filter of the shell pipe cannot do ${dataSet.name}`)
  return [`LC_ALL=C sed 's/\\tNULL\\t/\\t\\\\N\\t/g'`]
}
