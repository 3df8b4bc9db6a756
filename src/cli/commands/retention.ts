import { applyRetention, planRetention } from '../../run/retention.js'
import { Workspace } from '../../run/workspace.js'
import type { CommandContext, GlobalOptions } from '../program.js'
import { formatCount, formatTable } from '../table.js'

/** `airlock retention [--apply]`: what the rules no longer keep. Without `--apply` nothing is removed. */
export async function retentionCommand(
  { output }: CommandContext,
  common: GlobalOptions,
  options: { readonly apply?: boolean },
): Promise<void> {
  await using workspace = await Workspace.open({ configFile: common.config })
  output.use(workspace.masker)
  const plan = await planRetention(workspace)
  if (options.apply === true && plan.files.length > 0) await applyRetention(workspace, plan)
  const areas = [...new Set(plan.files.map(({ area }) => area))].map((area) => {
    const files = plan.files.filter((file) => file.area === area)
    const bytes = area === 'audit' ? (plan.audit?.bytes ?? 0) : files.reduce((sum, file) => sum + file.bytes, 0)
    return { area, files: files.length, bytes }
  })
  const rows = areas.map(({ area, files, bytes }) => [area, formatCount(files), formatCount(bytes)])
  const verb = options.apply === true ? 'removed' : 'to remove'
  const human =
    rows.length === 0
      ? 'Everything is within the rules.'
      : [
          formatTable(['area', 'files', 'bytes'], rows),
          options.apply === true ? 'Removed.' : 'Nothing was removed: add --apply.',
        ].join('\n')
  output.result({ [verb.replace(' ', '_')]: plan.files.map(({ file }) => file), areas }, human)
}
