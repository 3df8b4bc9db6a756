import type { Masker } from '../../masking/index.js'
import type { NewFrame, WorkerSpec } from '../protocol.js'

/** What the work is given. */
export interface WorkerContext {
  readonly spec: WorkerSpec
  /** Aborts with an AirlockError: at the deadline, when the process is asked to end, when nobody listens any more. */
  readonly signal: AbortSignal
  /** What is registered here is masked in everything that leaves this process. */
  readonly masker: Masker
  /** The folder of the inputs, which were checked. */
  readonly inputs: string
  /** Files that the work leaves here are named in the manifest. */
  readonly data: string
  send(frame: NewFrame): void
  /** What was moved so far in all, for the next heartbeat. */
  count(moved: { readonly rows: number; readonly bytes: number }): void
}

/** What the work came to. */
export interface WorkerOutcome {
  readonly status: 'ok' | 'partial' | 'failed' | 'cancelled'
  /** Becomes that of the process. */
  readonly exit: number
  /** Kept, masked, as the report of the job. */
  readonly report: unknown
}

/** The work itself. `job` is what the host has sealed. */
export type Perform = (job: Uint8Array, context: WorkerContext) => Promise<WorkerOutcome>
