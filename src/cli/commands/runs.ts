import { reconcileRun } from '../../run/reconcile.js'
import { listReports, type RunEntry, showReport } from '../../run/saved-reports.js'
import { Workspace } from '../../run/workspace.js'
import type { CommandContext, GlobalOptions } from '../program.js'
import { formatReport } from '../run-table.js'
import { formatCount, formatTable } from '../table.js'

/** `airlock runs list`: what is kept under `home/runs`, the newest first. */
export async function runsListCommand(
  context: CommandContext,
  common: GlobalOptions,
  options: { readonly limit: number },
): Promise<void> {
  const { output } = context
  await using workspace = await Workspace.open({ configFile: common.config, debug: common.debug === true })
  output.use(workspace.masker)
  const entries = await listReports(workspace.config.home, options.limit)
  output.result({ runs: entries.map(entryData) }, entries.length === 0 ? 'no run is kept' : formatEntries(entries))
}

/** `airlock runs show [ID]`: one report, the newest without an id. */
export async function runsShowCommand(
  context: CommandContext,
  common: GlobalOptions,
  id: string | undefined,
): Promise<void> {
  const { output } = context
  await using workspace = await Workspace.open({ configFile: common.config, debug: common.debug === true })
  output.use(workspace.masker)
  const { home } = workspace.config
  const report = await showReport(home, id)
  const reconciliation = await reconcileRun(home, workspace.auditDir, report)
  output.result(report, formatReport(report, output), { reconciliation })
  if (reconciliation.differences.length === 0) {
    output.note(`audit log: ${reconciliation.audit}, telemetry: ${reconciliation.telemetry}`)
  }
  for (const difference of reconciliation.differences) output.problem(`differs: ${difference}`)
}

function entryData({ run_id, report }: RunEntry): unknown {
  if (report === null) return { run_id, status: 'unreadable' }
  const { pipeline, status, exit_code, started_at, seconds, rows_written, streams } = report
  return { run_id, pipeline, status, exit_code, started_at, seconds, rows_written, streams: streams.length }
}

function formatEntries(entries: readonly RunEntry[]): string {
  const rows = entries.map(({ run_id, report }) =>
    report === null
      ? [run_id, '', 'unreadable', '', '', '']
      : [
          run_id,
          report.pipeline,
          report.status,
          String(report.exit_code),
          formatCount(report.rows_written),
          `${report.seconds.toFixed(2)} s`,
        ],
  )
  return formatTable(['run', 'pipeline', 'status', 'exit', 'rows', 'time'], rows)
}
