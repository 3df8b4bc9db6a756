import { formatUsd } from '../remote/cost.js'
import { REMOTE_EVENTS, type RemoteEventName } from '../remote/events.js'
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
    ...remoteLines(report),
    output.dim(`connections opened ${opened}, closed ${closed}; run ${report.run_id}`),
  ].join('\n')
}

/** Sandboxes, their cost, and what went wrong with them, a line for each kind of event. */
function remoteLines({ remote }: RunReport): readonly string[] {
  // Reports that older versions kept do not have it.
  if (!remote) return []
  const { jobs, sandboxes, sandbox_seconds, cost_usd, missing, events } = remote
  const wrong = Object.entries(events).filter(
    ([name]) => isRemoteEvent(name) && REMOTE_EVENTS[name].severity !== 'info',
  )
  return [
    `${jobs} ${jobs === 1 ? 'job' : 'jobs'} in ${sandboxes} ${sandboxes === 1 ? 'sandbox' : 'sandboxes'}, ` +
      `${sandbox_seconds.toFixed(1)} s, ${formatUsd(cost_usd)}`,
    ...wrong.map(([name, count]) => `  ${name} ${formatCount(count)}`),
    ...missing.map(({ job, path, reason }) => `  missing: ${path} of job ${job} (${reason})`),
  ]
}

function isRemoteEvent(name: string): name is RemoteEventName {
  return Object.hasOwn(REMOTE_EVENTS, name)
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
