import type { KeyObject } from 'node:crypto'
import type { ChainMode } from './audit-chain.js'
import type { AuditAnchor } from './audit-checkpointer.js'
import type { LockBinding } from './directory-lock.js'
import type { EventMaskerPort } from './event-masker-port.js'
import type { FilesPort } from './private-files.js'

/** When an append is acknowledged: after the write (`none`), after fdatasync of its batch (`batch`), or after the write
 * with an fdatasync at most every `intervalMs`. The receipt says which was reached. */
export type Durability = 'none' | 'batch' | { readonly intervalMs: number }

/** How an audit log is opened. Only `dir` and `masker` are needed. Times are milliseconds. */
export interface AuditLogOptions {
  /** Created (0700) when missing. Any number of processes, threads and instances may open the same one. */
  readonly dir: string
  readonly masker: EventMaskerPort
  /** `closed` (default): what cannot be recorded does not run. `open`: it runs, and the loss is counted and recorded
   * with the next batch that can be stored. */
  readonly onFailure?: 'closed' | 'open'
  /** Default `batch`. */
  readonly durability?: Durability
  /** Default `sha256`. */
  readonly mode?: ChainMode
  /** The secret of mode `hmac`; the first key (seed) of mode `sealed`, needed there only to begin a log. */
  readonly key?: Uint8Array
  /** Ed25519 private key for checkpoints. */
  readonly signingKey?: KeyObject | string
  /** Receives each stored checkpoint, to be kept outside the log. */
  readonly onAnchor?: (anchor: AuditAnchor) => void
  /** Records between checkpoints (1024), time until new records are signed (1000), and between signatures of an idle
   * log (60 000). */
  readonly checkpointEvery?: number
  readonly checkpointIntervalMs?: number
  readonly heartbeatMs?: number
  /** The session that the caller of `append` is in, asked synchronously. */
  readonly session?: () => string | undefined
  /** Longer records keep size and digest of their data only. Default 256 KiB. */
  readonly maxLineBytes?: number
  readonly maxQueueEvents?: number
  readonly maxQueueBytes?: number
  readonly maxBatchEvents?: number
  readonly maxBatchBytes?: number
  /** Default 64 MiB and 24 hours. */
  readonly maxSegmentBytes?: number
  readonly maxSegmentAgeMs?: number
  /** Space kept back so that a full disk can still be recorded. Default 1 MiB; 0 for none. */
  readonly reserveBytes?: number
  readonly lockTimeoutMs?: number
  readonly commitTimeoutMs?: number
  readonly closeTimeoutMs?: number
  /** The files below the log; for fault injection. */
  readonly files?: FilesPort
  /** The lock of the operating system. null: this writer keeps segments and a chain of its own. Default: the native
   * lock, null where the platform has none. */
  readonly lockBinding?: LockBinding | null
}

export const AUDIT_DEFAULTS = {
  maxLineBytes: 256 * 1024,
  maxQueueEvents: 65_536,
  maxQueueBytes: 64 * 1024 * 1024,
  maxBatchEvents: 1024,
  maxBatchBytes: 1024 * 1024,
  maxSegmentBytes: 64 * 1024 * 1024,
  maxSegmentAgeMs: 24 * 60 * 60 * 1000,
  reserveBytes: 1024 * 1024,
  lockTimeoutMs: 10_000,
  commitTimeoutMs: 15_000,
  closeTimeoutMs: 5000,
  checkpointEvery: 1024,
  checkpointIntervalMs: 1000,
  heartbeatMs: 60_000,
} as const
