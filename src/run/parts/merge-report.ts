import type { StreamReport } from '../report.js'
import { secondsSince } from '../run-stream.js'

/** What one range of a stream came to. */
export interface PartCounts {
  readonly rows: number
  readonly bytes: number
  readonly batches: number
  readonly policies: Readonly<Record<string, number>>
}

/** The report of a commit, as that of a stream whose ranges were read by several: what was read are the ranges of this run,
 * the time is from `started`, a `performance.now()`. */
export function mergeReport<R extends Omit<StreamReport, 'attempts'>>(
  report: R,
  parts: readonly PartCounts[],
  ranges: StreamReport['ranges'],
  started: number,
): R {
  const sum = (value: (part: PartCounts) => number) => parts.reduce((total, part) => total + value(part), 0)
  const seconds = secondsSince(started)
  const policies: Record<string, number> = { ...report.policies }
  for (const part of parts) {
    for (const [name, count] of Object.entries(part.policies)) policies[name] = (policies[name] ?? 0) + count
  }
  const rows = sum((part) => part.rows)
  const taken = ranges?.skipped ?? 0
  return {
    ...report,
    rows_read: rows,
    rows_masked: rows,
    bytes_read: sum(({ bytes }) => bytes),
    // Where the server has moved what waited, nothing more was sent.
    bytes: report.bytes > 0 ? report.bytes : sum(({ bytes }) => bytes),
    batches: sum(({ batches }) => batches),
    policies,
    ranges,
    notes: taken === 0 ? report.notes : [...report.notes, `${taken} ranges are as an earlier attempt has read them`],
    seconds,
    rows_per_second: seconds > 0 ? Math.round(report.rows_written / seconds) : null,
  }
}
