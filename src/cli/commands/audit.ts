import { AirlockError } from '../../errors/index.js'
import { Workspace } from '../../run/workspace.js'
import { AuditLog, type AuditRecord, lastRecords, summariseLog } from '../../sinks/index.js'
import type { CommandContext, GlobalOptions } from '../program.js'
import { formatCount, formatTable } from '../table.js'

/** `airlock audit verify [DIR]`: exit 0 when nothing is wrong with any record, 7 otherwise. */
export async function auditVerifyCommand(
  context: CommandContext,
  common: GlobalOptions,
  dir: string | undefined,
): Promise<void> {
  const { output } = context
  const folder = dir ?? (await configuredFolder(common))
  const found = await AuditLog.verify(folder)
  const counts = `${found.records} records in ${found.segments.length} segments`
  if (found.ok) return output.result(found, `The audit log is intact: ${counts}.`)
  process.exitCode = 7
  const problems = found.problems.map((problem) => `  ${problem.segment}:${problem.line}: ${problem.reason}`)
  const error = { code: 'AUDIT_TAMPERED', problems: found.problemCount }
  output.failedResult(
    found,
    [`The audit log has ${found.problemCount} problems: ${counts}.`, ...problems].join('\n'),
    error,
  )
}

/** `airlock audit tail [DIR] [--lines N]`: the last records, as they were masked when they were written. */
export async function auditTailCommand(
  { output }: CommandContext,
  common: GlobalOptions,
  dir: string | undefined,
  { lines }: { readonly lines: string },
): Promise<void> {
  if (!/^[1-9]\d{0,5}$/.test(lines)) {
    throw new AirlockError('USAGE', { phase: 'config', params: { problem: '--lines is a number from 1 to 999999' } })
  }
  const records = await lastRecords(dir ?? (await configuredFolder(common)), Number(lines))
  output.result({ records }, records.map(recordLine).join('\n'))
}

/** `airlock audit stats [DIR]`: what the log holds, counted. */
export async function auditStatsCommand(
  { output }: CommandContext,
  common: GlobalOptions,
  dir: string | undefined,
): Promise<void> {
  const summary = await summariseLog(dir ?? (await configuredFolder(common)))
  const outcomes = ['intent', 'ok', 'failed', 'info'] as const
  const rows = Object.entries(summary.types)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([type, counts]) => [type, ...outcomes.map((outcome) => formatCount(counts[outcome] ?? 0))])
  const span = summary.first === null ? '' : `, ${summary.first} to ${summary.last}`
  const head = `${formatCount(summary.records)} records in ${summary.segments} segments${span}`
  output.result(summary, [head, formatTable(['type', ...outcomes], rows)].join('\n\n'))
}

function recordLine({ seq, ts, type, outcome, op, session, data }: AuditRecord): string {
  const about = [op === null ? '' : `op ${op}`, session === null ? '' : `session ${session}`, JSON.stringify(data)]
  return `${seq} ${ts} ${type} ${outcome} ${about.filter((part) => part !== '').join(' ')}`
}

async function configuredFolder(common: GlobalOptions): Promise<string> {
  await using workspace = await Workspace.open({ configFile: common.config })
  return workspace.auditDir ?? workspace.config.home
}
