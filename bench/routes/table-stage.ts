import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { writeCopyFile } from '../data/copy-file.js'
import type { DataSet } from '../data/data-set.js'
import { Contents } from './contents.js'
import type { Route, StagePlan } from './route.js'

/** How a data set becomes a stage. */
export interface TableStageOptions {
  readonly from: 'mysql' | 'postgresSource'
  readonly to: 'mysql' | 'postgres'
  /** Where they are not those of the data set. */
  readonly name?: string
  readonly title?: string
  readonly rows?: number
  readonly optional?: boolean
}

/** A data set as a table of one server, which is moved into an empty table of the other. */
export function tableStage(dataSet: DataSet, options: TableStageOptions): StagePlan {
  const { name = dataSet.name, title = dataSet.title, rows: all = dataSet.rows, optional = false } = options
  return {
    name,
    title,
    dataSet,
    optional,
    async lay(servers, workplace, { scale, seed, primaryKey }) {
      const source = servers[options.from]
      const target = servers[options.to]
      const table = dataSet.name
      const path = join(workplace.directory, `${name}.copy`)
      const clear = async (): Promise<void> => {
        await source.drop(table)
        await target.drop('reference', table)
        await rm(path, { force: true })
      }
      try {
        const rows = Math.max(1, Math.round(all * scale))
        const file = await writeCopyFile(path, dataSet, rows, seed)
        await source.load(table, dataSet, file, 'source')
        await target.load('reference', dataSet, file, 'reference')
        const contents = new Contents(target, dataSet)
        return {
          source,
          target,
          file,
          clear,
          async freshTarget() {
            await target.create(table, dataSet, primaryKey)
            await servers.postgres.settle()
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

/** One stage for each data set. */
export function tableStages(dataSets: readonly DataSet[], options: TableStageOptions): Route['stages'] {
  return dataSets.map((dataSet) => tableStage(dataSet, options))
}
