import type { BenchCase } from '../cases/bench-case.js'
import type { CopyFile } from '../data/copy-file.js'
import type { DataSet } from '../data/data-set.js'
import type { End, Fingerprint } from '../ends/end.js'
import type { Servers } from '../servers.js'
import type { Workplace } from '../workplace.js'

/** A way of rows that is measured: its cases, and the data on which they run. */
export interface Route {
  readonly name: string
  /** Headings of the CPU columns of the two servers. */
  readonly sourceName: string
  readonly targetName: string
  /** Whether rows come from a Postgres of their own. */
  readonly readsPostgres?: boolean
  cases(bin: string): readonly BenchCase[]
  readonly stages: readonly StagePlan[]
}

/** What a stage is made with. */
export interface StageOptions {
  readonly scale: number
  readonly seed: number
  /** Whether empty targets get a primary key. */
  readonly primaryKey: boolean
}

/** A part of a route with its own data; one table of the report. */
export interface StagePlan {
  /** Name on the command line. */
  readonly name: string
  readonly title: string
  readonly dataSet: DataSet
  /** Runs only where `--data-sets` names it. */
  readonly optional?: boolean
  /** Generates the data and brings it to the ends. Undoes what it began where it throws. */
  lay(servers: Servers, workplace: Workplace, options: StageOptions): Promise<Stage>
}

/** A stage that is ready for its cases. */
export interface Stage {
  readonly source: End
  readonly target: End
  /** The rows that are moved. */
  readonly file: CopyFile
  /** Below this no client can come, where that is known beforehand: pages × latency. */
  readonly leastSeconds?: number
  /** The target as the case is to find it, made anew. */
  freshTarget(benchCase: BenchCase): Promise<void>
  /** What the case left there. */
  found(benchCase: BenchCase): Promise<Fingerprint>
  /** What it has to leave. */
  expected(benchCase: BenchCase): Promise<Fingerprint>
  /** Removes everything again. */
  clear(): Promise<void>
}
