import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { airlockCopy } from '../cases/airlock-copy.js'
import { naive } from '../cases/naive.js'
import { PSQL_COPY_KEYED, PSQL_MERGE } from '../cases/psql-merge.js'
import { writeCopyFile } from '../data/copy-file.js'
import { MIXED_ROWS } from '../data/mixed-rows.js'
import { Contents } from './contents.js'
import type { Route, StagePlan } from './route.js'

const EXISTING_ROWS = 1_000_000

/** MySQL → Postgres, merged into a table of a million rows: half of what comes changes rows that lie all over it, half is
 * new. Beside it the same rows into an empty table with a key, which is what a merge can be held against. */
export const MERGE_POSTGRES: Route = {
  name: 'merge-postgres',
  sourceName: 'MySQL',
  targetName: 'Postgres',
  stages: [stage('merge-300k', 300_000), stage('merge-1m', 1_000_000)],
  cases: (bin) => [
    PSQL_COPY_KEYED,
    PSQL_MERGE,
    naive({
      name: 'values-upsert',
      summary: 'mysql2 as a stream, pg, INSERT of 1000 rows with ON CONFLICT DO UPDATE',
      program: 'mysql-to-postgres',
      read: 'stream',
      upsert: true,
    }),
    airlockCopy({ name: 'airlock', summary: 'airlock copy --mode merge', mode: 'merge', bin }),
    airlockCopy({
      name: 'airlock-append',
      summary: 'airlock copy --mode append into an empty table with a key',
      intoEmpty: true,
      bin,
    }),
  ],
}

function stage(name: string, incomingRows: number): StagePlan {
  const dataSet = MIXED_ROWS
  return {
    name,
    title: `${dataSet.title}, into ${EXISTING_ROWS.toLocaleString('en')} (at scale 1)`,
    dataSet,
    async lay({ mysql, postgres }, workplace, { scale, seed }) {
      const table = dataSet.name
      const paths = ['old', 'new'].map((part) => join(workplace.directory, `${name}.${part}.copy`)) as [string, string]
      const clear = async (): Promise<void> => {
        await mysql.drop(table)
        await postgres.drop('existing', 'incoming', 'merged', table)
        for (const path of paths) await rm(path, { force: true })
      }
      try {
        const existing = Math.max(2, Math.round(EXISTING_ROWS * scale))
        const rows = Math.max(2, Math.round(incomingRows * scale))
        const old = await writeCopyFile(paths[0], dataSet, existing, seed)
        const file = await writeCopyFile(paths[1], dataSet, rows, seed + 1, idOf(existing, rows))
        await mysql.load(table, dataSet, file, 'source')
        await postgres.load('existing', dataSet, old, 'reference')
        await postgres.load('incoming', dataSet, file, 'reference')
        await postgres.database.exec(`CREATE TABLE merged AS
          SELECT * FROM existing e WHERE NOT EXISTS (SELECT FROM incoming i WHERE i.id = e.id)
          UNION ALL SELECT * FROM incoming`)
        const contents = new Contents(postgres, dataSet)
        const reference = (intoEmpty: boolean | undefined): string => (intoEmpty === true ? 'incoming' : 'merged')
        return {
          source: mysql,
          target: postgres,
          file,
          clear,
          async freshTarget({ intoEmpty }) {
            await postgres.create(table, dataSet, intoEmpty === true)
            if (intoEmpty !== true) {
              await postgres.database.exec(`INSERT INTO ${table} SELECT * FROM existing`)
              await postgres.database.exec(`ALTER TABLE ${table} ADD PRIMARY KEY (id)`)
              await postgres.database.exec(`VACUUM (ANALYZE) ${table}`)
            }
            await postgres.settle()
          },
          found: (benchCase) => contents.found(benchCase, reference(benchCase.intoEmpty)),
          expected: (benchCase) => contents.expected(benchCase, reference(benchCase.intoEmpty)),
        }
      } catch (error) {
        await clear()
        throw error
      }
    },
  }
}

/** Odd positions are rows that exist, spread evenly over the table; even ones are new. */
function idOf(existing: number, rows: number): (position: number) => number {
  return (position) =>
    position % 2 === 0 ? existing + position / 2 : 1 + Math.floor(((position - 1) * existing) / (rows + 1))
}
