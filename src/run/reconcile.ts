import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { readAuditLog, readTelemetryEvents } from '../sinks/index.js'
import type { RunReport, StreamReport } from './report.js'

/** Whether what else was kept of a run says the same as its report. `absent`: nothing of this run is kept there. */
export interface Reconciliation {
  readonly audit: 'agrees' | 'differs' | 'absent'
  readonly telemetry: 'agrees' | 'differs' | 'absent'
  /** What differs, one line each. */
  readonly differences: readonly string[]
}

/** What one of the sinks says of a stream: how its last attempt ended, and its rows where it ended well. */
interface Said {
  outcome: string
  rows: number | undefined
}

/** Compares the report of a run with the audit log and the telemetry events of `home`: the same streams, the same outcomes,
 * the same rows. Whoever edited one of them without the others shows. */
export async function reconcileRun(
  home: string,
  auditDir: string | undefined,
  report: RunReport,
): Promise<Reconciliation> {
  const audited =
    auditDir === undefined || !existsSync(auditDir) ? undefined : await saidByAudit(auditDir, report.run_id)
  const events = join(home, 'telemetry')
  const counted = existsSync(events) ? await saidByTelemetry(events, report.run_id) : undefined
  const audit = compare('audit log', audited, report)
  const telemetry = compare('telemetry', counted, report)
  return {
    audit: verdict(audited, audit),
    telemetry: verdict(counted, telemetry),
    differences: [...audit, ...telemetry],
  }
}

function verdict(said: ReadonlyMap<string, Said> | undefined, differences: readonly string[]): Reconciliation['audit'] {
  if (differences.length > 0) return 'differs'
  return said === undefined || said.size === 0 ? 'absent' : 'agrees'
}

/** An intent names run and stream; its outcome has the same operation and the rows. Of several attempts the last counts. */
async function saidByAudit(dir: string, run: string): Promise<ReadonlyMap<string, Said>> {
  const streams = new Map<string, Said>()
  const operations = new Map<string, Said>()
  await readAuditLog(dir, ({ type, op, outcome, data }) => {
    if (type !== 'stream.write' || op === null) return
    const fields = fieldsOf(data)
    if (outcome === 'intent') {
      if (fields['run'] !== run || typeof fields['stream'] !== 'string') return
      const said: Said = { outcome: 'no outcome', rows: undefined }
      streams.set(fields['stream'], said)
      operations.set(op, said)
      return
    }
    const said = operations.get(op)
    if (said === undefined) return
    said.outcome = outcome
    said.rows = numberOf(fields['rows'])
  })
  return streams
}

async function saidByTelemetry(dir: string, run: string): Promise<ReadonlyMap<string, Said>> {
  const streams = new Map<string, Said>()
  await readTelemetryEvents(dir, ({ type, data }) => {
    const fields = fieldsOf(data)
    if (fields['run'] !== run || typeof fields['stream'] !== 'string') return
    if (type === 'stream.completed') streams.set(fields['stream'], { outcome: 'ok', rows: numberOf(fields['rows']) })
    if (type === 'stream.failed') streams.set(fields['stream'], { outcome: 'failed', rows: undefined })
  })
  return streams
}

function compare(sink: string, said: ReadonlyMap<string, Said> | undefined, report: RunReport): readonly string[] {
  if (said === undefined || said.size === 0) return []
  const reported = new Set(report.streams.map(({ stream }) => stream))
  const strangers = [...said.keys()].filter((stream) => !reported.has(stream))
  return [
    ...report.streams.flatMap((stream) => differenceOf(sink, said.get(stream.stream), stream)),
    ...strangers.map((stream) => `${stream}: the ${sink} has it, the report does not`),
  ]
}

function differenceOf(sink: string, said: Said | undefined, report: StreamReport): readonly string[] {
  const { stream, status, rows_written: rows } = report
  // A stream that failed before it wrote, or never began, has nothing to be recorded.
  if (said === undefined) return status === 'ok' ? [`${stream}: the ${sink} says nothing of it`] : []
  if (status === 'ok' && said.outcome !== 'ok') return [`${stream}: ok in the report, ${said.outcome} in the ${sink}`]
  if (status !== 'ok' && said.outcome === 'ok') return [`${stream}: ${status} in the report, ok in the ${sink}`]
  if (status === 'ok' && said.rows !== rows) {
    return [`${stream}: ${rows} rows in the report, ${said.rows ?? 'no'} rows in the ${sink}`]
  }
  return []
}

function fieldsOf(data: unknown): Readonly<Record<string, unknown>> {
  return typeof data === 'object' && data !== null ? (data as Record<string, unknown>) : {}
}

function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined
}
