import { AirlockError } from '../../errors/index.js'
import { type CopyRequest, pipelineOfCopy } from '../../run/api.js'
import { Workspace } from '../../run/workspace.js'
import type { CommandContext, GlobalOptions } from '../program.js'
import { overridesOf, type StreamOptions } from '../stream-options.js'
import { type ReportOptions, runAndReport } from './run.js'

export interface CopyCommandOptions extends StreamOptions, ReportOptions {
  readonly source: string
  readonly sourceTable: string
  readonly target: string
  readonly targetTable?: string
  readonly mask: readonly string[]
  readonly select?: readonly string[]
  readonly where?: string
  readonly policy: readonly string[]
}

/** `airlock copy`: a pipeline of one stream, from the command line. */
export async function copyCommand(
  context: CommandContext,
  common: GlobalOptions,
  options: CopyCommandOptions,
): Promise<void> {
  const pipeline = pipelineOfCopy(requestOf(options))
  await using workspace = await Workspace.open({ configFile: common.config, debug: common.debug === true })
  context.output.use(workspace.masker)
  await runAndReport(context, common, workspace, pipeline, options)
}

function requestOf(options: CopyCommandOptions): CopyRequest {
  const { source, target, sourceTable, targetTable, select, where } = options
  return {
    source,
    target,
    sourceTable,
    ...overridesOf(options),
    ...(targetTable === undefined ? {} : { targetTable }),
    ...(select === undefined ? {} : { select }),
    ...(where === undefined ? {} : { where }),
    mask: pairs(options.mask, ':', '--mask'),
    policies: pairs(options.policy, '=', '--policy'),
  }
}

function pairs(entries: readonly string[], separator: string, option: string): Readonly<Record<string, string>> {
  return Object.fromEntries(
    entries.map((entry) => {
      const at = entry.indexOf(separator)
      if (at <= 0 || at === entry.length - 1) throw usage(`${option} takes name${separator}value`)
      return [entry.slice(0, at), entry.slice(at + 1)]
    }),
  )
}

function usage(problem: string): AirlockError {
  return new AirlockError('USAGE', { phase: 'config', params: { problem } })
}
