import { Workspace } from '../../run/workspace.js'
import { AuditLog } from '../../sinks/index.js'
import type { CommandContext, GlobalOptions } from '../program.js'

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

async function configuredFolder(common: GlobalOptions): Promise<string> {
  await using workspace = await Workspace.open({ configFile: common.config })
  return workspace.auditDir ?? workspace.config.home
}
