import type { RowChanges } from '../core/driver.js'
import type { AirlockErrorData, ExitCode } from '../errors/index.js'

export type RunStatus = 'ok' | 'partial' | 'failed' | 'cancelled'

/** How the ends of a stream were compared, and that they agreed. */
export interface Verification {
  readonly kind: 'none' | 'count' | 'checksum'
  readonly ok: boolean
}

/** How far an incremental stream came. */
export interface StateChange {
  readonly cursor: string
  readonly kept_in: 'target' | 'home'
  readonly before: string | null
  readonly after: string | null
}

/** Of a resumable load: how many ranges it has, and how many an interrupted run had left finished. */
export interface LoadedRanges {
  readonly total: number
  readonly skipped: number
}

/** What one stream did. Counts are exact; `seconds` is wall-clock time. Keys are those of `--json`. */
export interface StreamReport {
  readonly stream: string
  readonly status: 'ok' | 'failed' | 'skipped'
  readonly mode: string
  /** How the rows got in, e.g. `create`, `direct`, `staged`. */
  readonly route: string | null
  readonly rows_read: number
  readonly rows_masked: number
  /** Bytes of cells that came from the source, after masking. */
  readonly bytes_read: number
  readonly batches: number
  readonly rows_sent: number
  readonly rows_confirmed: number
  readonly rows_written: number
  /** Left out by the contract `discard_row`. */
  readonly rows_rejected: number
  /** What became of the rows, where the target's driver says. */
  readonly changes: RowChanges | null
  readonly bytes: number
  /** Of the last attempt. */
  readonly seconds: number
  readonly rows_per_second: number | null
  readonly masked_columns: readonly string[]
  readonly policies: Readonly<Record<string, number>>
  readonly verification: Verification
  /** Column → checksum of what was written and read back, with `--verify checksum`. */
  readonly checksums: Readonly<Record<string, string>> | null
  /** Of an incremental stream: cursor values before and after. */
  readonly state: StateChange | null
  /** Of a resumable load; `rows_read` are those of this run, `rows_written` all. */
  readonly ranges: LoadedRanges | null
  /** How often the stream was tried; 0 where it was not. */
  readonly attempts: number
  /** Why it was skipped, and what else a person should know. */
  readonly notes: readonly string[]
  readonly error: AirlockErrorData | null
}

/** Of a run whose streams were moved by sandboxes. */
export interface RemoteSummary {
  readonly provider: 'e2b'
  readonly jobs: number
  readonly sandboxes: number
  /** All sandboxes together. */
  readonly sandbox_seconds: number
  readonly cost_estimate_usd: number
  readonly cost_usd: number
  /** How often each event happened: as many as there are lines in `events_file`. */
  readonly events: Readonly<Record<string, number>>
  /** Files that should have arrived and did not. */
  readonly missing: readonly { readonly job: string; readonly path: string; readonly reason: string }[]
  /** Where the events of this run are kept. */
  readonly events_file: string
}

/** What one run did; kept under `home/runs`. */
export interface RunReport {
  readonly run_id: string
  readonly pipeline: string
  readonly status: RunStatus
  readonly exit_code: ExitCode
  readonly started_at: string
  readonly seconds: number
  readonly rows_read: number
  readonly rows_masked: number
  readonly rows_written: number
  readonly rows_rejected: number
  readonly bytes: number
  readonly peak_rss_bytes: number
  /** What `--max-memory` allowed. */
  readonly max_memory_bytes: number | null
  /** How late timers were. */
  readonly event_loop_delay_ms: { readonly p99: number; readonly max: number }
  readonly connections: { readonly opened: number; readonly closed: number }
  readonly streams: readonly StreamReport[]
  /** Null where everything happened in this process. */
  readonly remote: RemoteSummary | null
  /** Folder of the audit log, null where it is off. */
  readonly audit_dir: string | null
}
