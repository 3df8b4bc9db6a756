import { fileURLToPath } from 'node:url'
import type { End } from '../ends/end.js'
import { watchedNode } from '../measure/loop-delay.js'
import type { BenchCase } from './bench-case.js'

/** A program of the folder `naive`, which is what one writes with the client libraries in a quarter of an hour. */
export interface NaiveOptions extends Pick<BenchCase, 'name' | 'summary' | 'optional' | 'once'> {
  readonly program: 'mysql-to-postgres' | 'graphql-to-postgres'
  /** Holds all rows in memory, or reads while it writes. */
  readonly read?: 'all' | 'stream'
  /** INSERT … ON CONFLICT DO UPDATE. */
  readonly upsert?: boolean
}

/** The program learns its ends and its table from the environment. */
export function naive(options: NaiveOptions): BenchCase {
  const { name, summary, optional = false, once = false, program, read = 'all', upsert = false } = options
  const path = fileURLToPath(new URL(`../naive/${program}.mjs`, import.meta.url))
  return {
    name,
    kind: 'peer',
    summary,
    optional,
    once,
    missing: () => undefined,
    async prepare({ dataSet, source, target, directory }) {
      const columns = dataSet.columns.map((column) => column.name)
      const job = { table: dataSet.name, columns, read, upsert, source: login(source), target: login(target) }
      return watchedNode(directory, [path], { BENCH_JOB: JSON.stringify(job), PGTZ: 'UTC' })
    },
  }
}

function login({ address, password }: End): Record<string, unknown> {
  return { ...address, password }
}
