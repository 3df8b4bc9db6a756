import { loadPipeline } from '../../config/load-pipeline.js'
import { AirlockError } from '../../errors/index.js'
import { resetState, type StateEntry, showState } from '../../run/state-admin.js'
import { Workspace } from '../../run/workspace.js'
import type { CommandContext, GlobalOptions } from '../program.js'
import { formatTable } from '../table.js'

/** `airlock state show [PIPELINE.yaml]`: where incremental streams go on. The values of cursors are shown. */
export async function stateShowCommand(
  context: CommandContext,
  common: GlobalOptions,
  file: string | undefined,
): Promise<void> {
  const { output, signal } = context
  await using workspace = await Workspace.open({ configFile: common.config, debug: common.debug === true })
  output.use(workspace.masker)
  const pipeline = file === undefined ? undefined : await loadPipeline(file, workspace.config)
  const entries = await showState(workspace, pipeline, signal)
  if (file === undefined)
    output.note('state that targets keep is shown for a pipeline: airlock state show PIPELINE.yaml')
  output.result({ states: entries }, entries.length === 0 ? 'no state is kept' : formatEntries(entries))
}

/** `airlock state reset PIPELINE.yaml STREAM --yes`: the next run of the stream reads everything. */
export async function stateResetCommand(
  context: CommandContext,
  common: GlobalOptions,
  file: string,
  stream: string,
  options: { readonly yes?: boolean },
): Promise<void> {
  const { output, signal } = context
  await using workspace = await Workspace.open({ configFile: common.config, debug: common.debug === true })
  output.use(workspace.masker)
  const pipeline = await loadPipeline(file, workspace.config)
  if (options.yes !== true) {
    const problem = 'the next run of this stream would read everything, and an append would add it once more: say --yes'
    throw new AirlockError('USAGE', { phase: 'config', params: { problem } })
  }
  const forgotten = await resetState(workspace, pipeline, stream, signal)
  output.result({ reset: forgotten }, `forgotten:\n${formatEntries(forgotten)}`)
}

function formatEntries(entries: readonly StateEntry[]): string {
  const rows = entries.map(({ pipeline, stream, kept_in, cursor, value, saved_at }) => [
    pipeline,
    stream,
    cursor ?? 'unreadable',
    value ?? '',
    kept_in,
    saved_at,
  ])
  return formatTable(['pipeline', 'stream', 'cursor', 'value', 'kept in', 'saved'], rows)
}
