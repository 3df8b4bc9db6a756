import { loadPipeline } from '../../config/load-pipeline.js'
import type { Pipeline } from '../../config/pipeline.js'
import { AirlockError } from '../../errors/index.js'
import { runPipeline } from '../../run/local-runner.js'
import { withOverrides } from '../../run/overrides.js'
import { planDigest } from '../../run/plan-digest.js'
import type { VerifyKind } from '../../run/run-stream.js'
import { writeSummary } from '../../run/saved-reports.js'
import type { StreamRunner } from '../../run/stream-runner.js'
import { Workspace } from '../../run/workspace.js'
import { errorLine, type Output } from '../output.js'
import type { CommandContext, GlobalOptions } from '../program.js'
import { ProgressLine } from '../progress-line.js'
import { formatReport } from '../run-table.js'
import { overridesOf, type StreamOptions } from '../stream-options.js'
import { planCommand } from './plan.js'

export interface RunCommandOptions extends StreamOptions, ReportOptions {
  readonly streams?: readonly string[]
  readonly dryRun?: boolean
  readonly remote?: 'e2b'
  readonly expectPlan?: string
}

/** What `run` and `copy` are told of the run as a whole. */
export interface ReportOptions {
  readonly verify: VerifyKind
  readonly retries: number
  readonly fullRefresh?: boolean
  readonly summary?: string
  readonly parallel?: number
  readonly threads?: boolean
  /** In bytes. */
  readonly maxMemory?: number
}

/** `airlock run PIPELINE.yaml` */
export async function runCommand(
  context: CommandContext,
  common: GlobalOptions,
  file: string,
  options: RunCommandOptions,
): Promise<void> {
  if (options.dryRun === true) return await planCommand(context, common, file, options)
  await using workspace = await Workspace.open({ configFile: common.config, debug: common.debug === true })
  context.output.use(workspace.masker)
  const written = await loadPipeline(file, workspace.config)
  const pipeline = withOverrides(written, overridesOf(options), options.streams)
  if (options.expectPlan !== undefined && options.expectPlan !== planDigest(pipeline, workspace.config)) {
    throw new AirlockError('PLAN_CHANGED', { phase: 'plan' })
  }
  await runAndReport(context, common, workspace, pipeline, options)
}

/** Runs a pipeline with a progress line and prints its report; sets the exit code. */
export async function runAndReport(
  context: CommandContext,
  common: GlobalOptions,
  workspace: Workspace,
  pipeline: Pipeline,
  options: ReportOptions & Pick<RunCommandOptions, 'streams' | 'remote'>,
): Promise<void> {
  const { output, signal } = context
  const progress = new ProgressLine(output, common.progress)
  await using remote =
    options.remote === undefined ? undefined : await openRemote(workspace, options.parallel ?? 1, output)
  const report = await runPipeline(workspace, pipeline, {
    signal,
    verify: options.verify,
    retries: options.retries,
    fullRefresh: options.fullRefresh === true,
    ...(options.streams === undefined ? {} : { streams: options.streams }),
    ...(options.parallel === undefined ? {} : { parallel: options.parallel }),
    ...(options.threads === undefined ? {} : { threads: options.threads }),
    ...(options.maxMemory === undefined ? {} : { maxMemoryBytes: options.maxMemory }),
    ...(remote === undefined ? {} : { runner: remote.runner }),
    onRemoteEvent: ({ severity }, line) => {
      if (severity !== 'info') output.note(line)
    },
    onProgress: (now) => progress.update(now),
    onStream: (done) => progress.finish(done),
  })
  if (options.summary !== undefined) await writeSummary(options.summary, report, workspace.masker)
  process.exitCode = report.exit_code
  if (report.status === 'ok') {
    output.result(report, formatReport(report, output))
    return
  }
  const failed = report.streams.flatMap(({ stream, error }) => (error === null ? [] : [{ stream, error }]))
  const [first] = failed
  output.failedResult(report, formatReport(report, output), first?.error ?? new AirlockError('INTERRUPTED').toJSON())
  for (const { stream, error } of failed) output.problem(`${stream}: ${errorLine(error)}`)
}

/** The platform of sandboxes, after a word on what they may cost. Its library is loaded by those who ask for it. */
async function openRemote(
  workspace: Workspace,
  parallel: number,
  output: Output,
): Promise<{ readonly runner: StreamRunner } & AsyncDisposable> {
  const { openAdapter } = await import('../../run/remote/open-adapter.js')
  const { remotely } = await import('../../run/remote/run-remotely.js')
  const { costOf, formatUsd } = await import('../../remote/index.js')
  const adapter = await openAdapter(workspace)
  const { cpu: vcpus, memory_mb: memoryMb, max_cost_usd, concurrent } = adapter.settings
  const sandboxes = Math.min(parallel, concurrent)
  const perHour = formatUsd(costOf({ vcpus, memoryMb }, 3600 * sandboxes))
  const limit = max_cost_usd === undefined ? '' : `, no new one after ${formatUsd(max_cost_usd)}`
  output.note(`up to ${sandboxes} ${sandboxes === 1 ? 'sandbox' : 'sandboxes'} at a time, ${perHour} an hour${limit}`)
  return { runner: remotely(adapter), [Symbol.asyncDispose]: () => adapter.close() }
}
