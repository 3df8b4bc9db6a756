import type { PipelineStream } from '../../config/pipeline.js'
import type { KeyRange, StateKey } from '../../core/driver.js'
import type { WriteFence } from '../../core/write-fence.js'
import type { PartMark } from '../parts/part-mark.js'
import type { StreamReport } from '../report.js'
import type { VerifyKind } from '../run-stream.js'

/** A connection as a job carries it: everything resolved, nothing to be looked up where the job is performed. */
export interface JobConnection {
  readonly name: string
  readonly driver: string
  /** Secrets in it are `Secret`s; `seal-job.ts` says how they travel. */
  readonly settings: Readonly<Record<string, unknown>>
  /** Host → the addresses that it had when the job was made; no others are dialled. Left out where the job is performed on
   * the machine that made it. */
  readonly addresses?: Readonly<Record<string, readonly string[]>>
}

/** What every job of a run has in common. */
export interface JobFrame {
  readonly run: string
  readonly pipeline: string
  readonly source: JobConnection
  readonly target: JobConnection
  /** HMAC key of the masks, base64. */
  readonly maskKey: string | undefined
  readonly denyUnmasked: readonly string[]
  readonly verify: VerifyKind
  readonly retries: number
  readonly fullRefresh: boolean
  /** Resident set size of the process that performs it, in bytes. */
  readonly maxMemoryBytes?: number
}

/** Only the attempt with the highest number may commit: see `fence` of a write plan. */
export interface JobFence {
  /** Who the numbers belong to: the run and its job. */
  readonly holder: string
  readonly number: number
}

/** Streams from one end to the other, in this order. */
export interface StreamsJob extends JobFrame {
  readonly kind: 'streams'
  readonly streams: readonly PipelineStream[]
  /** Stream → those that must be complete before. */
  readonly parents: Readonly<Record<string, readonly string[]>>
  readonly parallel: number
  readonly fence: JobFence
}

/** One range of a stream into a staging table of its own. */
export interface PartJob extends JobFrame {
  readonly kind: 'part'
  readonly stream: PipelineStream
  readonly range: KeyRange
  /** As the target names it; each attempt has another one. */
  readonly table: string
  /** Saved in the transaction of the rows, so that another run finds them. */
  readonly mark: Pick<PartMark, 'of' | 'column' | 'index'> & { readonly bounds: readonly string[] }
  /** Claimed by the host, for all attempts at this range: the first that commits is the only one. */
  readonly fence?: WriteFence
}

/** All parts of a stream into its table, in one transaction. */
export interface CommitJob extends JobFrame {
  readonly kind: 'commit'
  readonly stream: PipelineStream
  readonly parts: readonly { readonly table: string; readonly rows: number }[]
  /** What is forgotten when the rows are there. */
  readonly marks: readonly StateKey[]
  readonly fence: JobFence
}

export type Job = StreamsJob | PartJob | CommitJob

/** What a part came to. */
export interface PartOutcome {
  /** Where the rows wait: in the table of the job, or of another attempt at the range that came before it. */
  readonly table: string
  readonly rows: number
  readonly bytes: number
  readonly policies: Readonly<Record<string, number>>
  readonly seconds: number
}

/** What a job came to. Counters are those that telemetry gained while it ran. */
export interface JobResult {
  readonly status: 'ok' | 'partial' | 'failed' | 'cancelled'
  readonly exit_code: number
  readonly streams: readonly StreamReport[]
  readonly part: PartOutcome | null
  readonly counters: Readonly<Record<string, number>>
}
