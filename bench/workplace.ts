import type { Programs } from './programs.js'

/** What every step of a benchmark run may use. */
export interface Workplace {
  /** Private, removed at the end: generated files, configurations, whatever commands write. */
  readonly directory: string
  readonly programs: Programs
  /** Aborted when the run is to end early. */
  readonly signal: AbortSignal
}
