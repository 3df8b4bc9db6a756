import type { CaseRun } from '../measure/rounds.js'

/** Everything that was measured on one data set of one route. */
export interface DataSetResult {
  readonly route: string
  readonly dataSet: string
  readonly title: string
  readonly rows: number
  /** Of the generated file in COPY text. */
  readonly bytes: number
  /** Below this no client can come, where that is known: pages × latency. */
  readonly leastSeconds: number | undefined
  /** What the servers of source and target are called in the table. */
  readonly cpuNames: readonly [string, string]
  readonly cases: readonly { readonly name: string; readonly kind: string; readonly summary: string }[]
  /** Cases that could not run, and why. */
  readonly left: readonly { readonly name: string; readonly reason: string }[]
  readonly runs: readonly CaseRun[]
}
