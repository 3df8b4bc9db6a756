import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { airlockCopy } from '../cases/airlock-copy.js'
import { naive } from '../cases/naive.js'
import { PSQL_COPY } from '../cases/psql-copy.js'
import { API_ROWS } from '../data/api-rows.js'
import { writeCopyFile } from '../data/copy-file.js'
import { GraphqlEnd, PAGE_SIZE } from '../ends/graphql-end.js'
import { Contents } from './contents.js'
import type { Route, StagePlan } from './route.js'

/** GraphQL → Postgres, a thousand nodes a page, from a service that answers at once and from one that takes 20 ms. Pages
 * follow each other, so that pages × latency is the least that any client needs. */
export const GRAPHQL_TO_POSTGRES: Route = {
  name: 'graphql-to-postgres',
  sourceName: 'service',
  targetName: 'Postgres',
  stages: [stage('d4-0ms', 0), stage('d4-20ms', 20)],
  cases: (bin) => [
    PSQL_COPY,
    naive({
      name: 'graphql-request',
      summary: 'graphql-request, pg, INSERT of 1000 rows',
      program: 'graphql-to-postgres',
    }),
    airlockCopy({ name: 'airlock', summary: 'airlock copy --mode append --verify count', bin }),
  ],
}

function stage(name: string, latencyMs: number): StagePlan {
  return {
    name,
    title: `${API_ROWS.title}, ${PAGE_SIZE} a page, ${latencyMs} ms a page`,
    dataSet: API_ROWS,
    async lay({ postgres }, workplace, { scale, seed, primaryKey }) {
      const { name: table, columns } = API_ROWS
      const path = join(workplace.directory, `${name}.copy`)
      let source: GraphqlEnd | undefined
      const clear = async (): Promise<void> => {
        await source?.stop()
        await postgres.drop('reference', table)
        await rm(path, { force: true })
      }
      try {
        const file = await writeCopyFile(path, API_ROWS, Math.max(1, Math.round(API_ROWS.rows * scale)), seed)
        await postgres.load('reference', API_ROWS, file, 'reference')
        source = await GraphqlEnd.start({ table, path, columns, latencyMs }, workplace.signal)
        const contents = new Contents(postgres, API_ROWS)
        return {
          source,
          target: postgres,
          file,
          clear,
          leastSeconds: (Math.ceil(file.rows / PAGE_SIZE) * latencyMs) / 1000,
          async freshTarget() {
            await postgres.create(table, API_ROWS, primaryKey)
            await postgres.settle()
          },
          found: (benchCase) => contents.found(benchCase, 'reference'),
          expected: (benchCase) => contents.expected(benchCase, 'reference'),
        }
      } catch (error) {
        await clear()
        throw error
      }
    },
  }
}
