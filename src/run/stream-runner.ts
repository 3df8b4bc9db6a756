import type { Pipeline } from '../config/pipeline.js'
import type { RunOptions } from './local-runner.js'
import type { RemoteSummary, StreamReport } from './report.js'
import type { StreamRules } from './stream-plan.js'
import type { Workspace } from './workspace.js'

/** A run that has been recorded and counted as begun. */
export interface RunTask {
  readonly workspace: Workspace
  readonly pipeline: Pipeline
  readonly runId: string
  readonly options: RunOptions
  readonly rules: StreamRules
  readonly signal: AbortSignal
}

/** What the streams of a run came to. */
export interface StreamsDone {
  readonly reports: readonly StreamReport[]
  /** Of a run whose streams were moved by sandboxes. */
  readonly remote: RemoteSummary | null
}

/** Where the streams of a run are moved: in this process, or in sandboxes. Gives a report for each stream, whatever
 * happened to it; throws only what concerns the run as a whole. */
export type StreamRunner = (task: RunTask) => Promise<StreamsDone>
