import type { Fingerprint } from '../ends/postgres-end.js'
import type { CaseRun } from '../measure/rounds.js'

/** Everything that was measured on one data set. */
export interface DataSetResult {
  readonly dataSet: string
  readonly title: string
  readonly rows: number
  /** Of the generated file in COPY text. */
  readonly bytes: number
  readonly reference: Fingerprint
  readonly cases: readonly { readonly name: string; readonly kind: string; readonly summary: string }[]
  /** Cases that could not run, and why. */
  readonly left: readonly { readonly name: string; readonly reason: string }[]
  readonly runs: readonly CaseRun[]
}
