import type { AirlockErrorData, ExitCode } from '../errors/index.js'

export type RunStatus = 'ok' | 'partial' | 'failed' | 'cancelled'

/** How the ends of a stream were compared, and that they agreed. */
export interface Verification {
  readonly kind: 'none' | 'count'
  readonly ok: boolean
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
  readonly bytes: number
  readonly seconds: number
  readonly masked_columns: readonly string[]
  readonly policies: Readonly<Record<string, number>>
  readonly verification: Verification
  readonly error: AirlockErrorData | null
}

/** What one run did; kept under `home/runs`. */
export interface RunReport {
  readonly run_id: string
  readonly pipeline: string
  readonly status: RunStatus
  readonly exit_code: ExitCode
  readonly started_at: string
  readonly seconds: number
  readonly rows_written: number
  readonly bytes: number
  readonly peak_rss_bytes: number
  readonly connections: { readonly opened: number; readonly closed: number }
  readonly streams: readonly StreamReport[]
  /** Folder of the audit log, null where it is off. */
  readonly audit_dir: string | null
}
