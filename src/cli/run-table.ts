import type { RunReport, StreamReport } from '../run/report.js'
import type { Output } from './output.js'
import { formatBytes, formatCount, formatTable } from './table.js'

/** A run's report as people read it: a table of streams, the policies that decided, the sum. */
export function formatReport(report: RunReport, output: Output): string {
  const rows = report.streams.map((stream) => [
    stream.stream,
    stream.status,
    formatCount(stream.rows_written),
    formatBytes(stream.bytes),
    stream.seconds.toFixed(2),
    stream.seconds > 0 ? formatCount(Math.round(stream.rows_written / stream.seconds)) : '0',
    stream.masked_columns.join(', '),
    verificationOf(stream),
  ])
  const head = ['stream', 'status', 'rows', 'bytes', 'seconds', 'rows/s', 'masked', 'verified']
  const { opened, closed } = report.connections
  return [
    formatTable(head, rows),
    ...report.streams.flatMap(policyLines),
    ...report.streams.flatMap(furtherLines),
    output.bold(`${report.status}: `) +
      `${formatCount(report.rows_written)} rows in ${report.seconds.toFixed(2)} s, ` +
      `peak memory ${formatBytes(report.peak_rss_bytes)}`,
    output.dim(`connections opened ${opened}, closed ${closed}; run ${report.run_id}`),
  ].join('\n')
}

function verificationOf(stream: StreamReport): string {
  if (stream.status !== 'ok') return '-'
  return stream.verification.kind === 'none' ? 'not asked for' : `${stream.verification.kind} ok`
}

function policyLines(stream: StreamReport): readonly string[] {
  const applied = Object.entries(stream.policies).map(([name, count]) => `${name} ${formatCount(count)}`)
  return applied.length === 0 ? [] : [`  ${stream.stream}: policies applied: ${applied.join(', ')}`]
}

/** What became of the rows where it was not one thing, how far an incremental stream came, and what else is worth a line. */
function furtherLines(stream: StreamReport): readonly string[] {
  const { changes, state, ranges, attempts, notes } = stream
  const counts = Object.entries(changes ?? {}).filter(([, count]) => count > 0)
  const became = counts.map(([name, count]) => `${name} ${formatCount(count)}`).join(', ')
  const lines = [
    ...(counts.length > 1 || stream.rows_rejected > 0 ? [`rows: ${became}`] : []),
    ...(state === null ? [] : [`${state.cursor}: ${state.before ?? 'the beginning'} → ${state.after ?? 'no row yet'}`]),
    ...(ranges === null ? [] : [`ranges: ${ranges.total}, of which an interrupted run had finished ${ranges.skipped}`]),
    ...(attempts > 1 ? [`${stream.status === 'ok' ? 'done' : 'given up'} after ${attempts} attempts`] : []),
    ...(stream.status === 'ok' ? [] : notes),
  ]
  return lines.map((line) => `  ${stream.stream}: ${line}`)
}
