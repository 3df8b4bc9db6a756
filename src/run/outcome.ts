import { AirlockError, type ExitCode } from '../errors/index.js'
import type { RunStatus, StreamReport } from './report.js'

/** What a run came to, from its streams and the signal that may have ended it. */
export function statusOf(reports: readonly StreamReport[], signal: AbortSignal): RunStatus {
  if (reports.every((report) => report.status === 'ok')) return 'ok'
  if (signal.aborted) return 'cancelled'
  return reports.some((report) => report.status === 'ok') ? 'partial' : 'failed'
}

/** 0 when every stream is complete, the signal's or the error's own code otherwise, 6 when only some failed. */
export function exitCodeOf(reports: readonly StreamReport[], signal: AbortSignal): ExitCode {
  const status = statusOf(reports, signal)
  if (status === 'ok') return 0
  if (status === 'cancelled' && signal.reason instanceof AirlockError) return signal.reason.exitCode
  if (status === 'cancelled') return 130
  if (status === 'partial') return 6
  const first = reports.find((report) => report.error !== null)
  return first?.error?.exit_code ?? 1
}
