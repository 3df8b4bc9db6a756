import type { CollectedFile, MissingFile } from './collect-artifacts.js'
import type { WorkerFrame } from './protocol.js'
import type { NetworkRules } from './sandbox-port.js'

/** A file that goes into the sandbox before the work begins; nothing secret. */
export interface InputFile {
  /** Relative to the worker's folder of inputs. */
  readonly path: string
  readonly data: Uint8Array
}

/** One piece of work for one sandbox. What it means is known to the runner and to the worker, not here. */
export interface RemoteJob {
  /** Letters, digits, dots and dashes: it is in the metadata of the sandbox, which others can read. */
  readonly id: string
  readonly inputs: readonly InputFile[]
  readonly network: NetworkRules
  /** Whether another attempt may be made after the worker has begun, because late writes of the first are fenced. */
  readonly repeatable: boolean
  /** What the worker is told, sealed. Secret. Each attempt, from 1, has a payload of its own. */
  payload(attempt: number): Uint8Array
  onFrame?(frame: WorkerFrame, attempt: number): void
}

/** What an attempt, or a job after its last attempt, came to. */
export interface RemoteResult {
  readonly status: 'ok' | 'partial' | 'failed' | 'cancelled'
  /** What the worker reported, as JSON that nobody has looked at yet; undefined where it did not arrive. */
  readonly report: unknown
  readonly files: readonly CollectedFile[]
  /** What should have arrived and did not. */
  readonly missing: readonly MissingFile[]
  readonly attempts: number
  /** Where the files are. */
  readonly folder: string
  /** Event and class of what ended it, where it did not end by itself. */
  readonly failure: { readonly event: string; readonly class: string } | undefined
}
