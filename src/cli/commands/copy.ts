import type { WriteMode } from '../../core/driver.js'
import { AirlockError } from '../../errors/index.js'
import { type CopyRequest, pipelineOfCopy } from '../../run/api.js'
import type { VerifyKind } from '../../run/run-stream.js'
import { Workspace } from '../../run/workspace.js'
import type { CommandContext, GlobalOptions } from '../program.js'
import { runAndReport } from './run.js'

export interface CopyCommandOptions {
  readonly source: string
  readonly sourceTable: string
  readonly target: string
  readonly targetTable?: string
  readonly mode: string
  readonly primaryKey: readonly string[]
  readonly mask: readonly string[]
  readonly select?: readonly string[]
  readonly where?: string
  readonly policy: readonly string[]
  readonly verify: VerifyKind
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
  await runAndReport(context, common, workspace, pipeline, { verify: options.verify })
}

function requestOf(options: CopyCommandOptions): CopyRequest {
  const { source, target, sourceTable, targetTable, select, where, primaryKey } = options
  return {
    source,
    target,
    sourceTable,
    primaryKey,
    mode: modeOf(options.mode),
    ...(targetTable === undefined ? {} : { targetTable }),
    ...(select === undefined ? {} : { select }),
    ...(where === undefined ? {} : { where }),
    mask: pairs(options.mask, ':', '--mask'),
    policies: pairs(options.policy, '=', '--policy'),
  }
}

function modeOf(word: string): WriteMode {
  const mode = (['append', 'replace'] as const).find((known) => known === word)
  if (mode === undefined) throw usage('--mode is append or replace')
  return mode
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
