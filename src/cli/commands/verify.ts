import { loadPipeline } from '../../config/load-pipeline.js'
import { AirlockError } from '../../errors/index.js'
import { type StreamComparison, verifyPipeline } from '../../run/verify-pipeline.js'
import { Workspace } from '../../run/workspace.js'
import { errorLine } from '../output.js'
import type { CommandContext, GlobalOptions } from '../program.js'
import { formatCount, formatTable } from '../table.js'

/** `airlock verify PIPELINE.yaml`: reads both ends and compares them; exit 7 where they differ. */
export async function verifyCommand(
  context: CommandContext,
  common: GlobalOptions,
  file: string,
  options: { readonly streams?: readonly string[] },
): Promise<void> {
  const { output, signal } = context
  await using workspace = await Workspace.open({ configFile: common.config, debug: common.debug === true })
  output.use(workspace.masker)
  const pipeline = await loadPipeline(file, workspace.config)
  const comparisons = await verifyPipeline(workspace, pipeline, { signal, ...options })
  if (signal.aborted) throw signal.reason
  const human = formatComparisons(comparisons)
  const data = { pipeline: pipeline.name, streams: comparisons }
  const mismatch = mismatchOf(comparisons)?.toJSON()
  const broken = comparisons.flatMap(({ stream, error }) => (error === null ? [] : [{ stream, error }]))
  const first = mismatch ?? broken[0]?.error
  if (first === undefined) return output.result(data, human)
  process.exitCode = first.exit_code
  output.failedResult(data, human, first)
  if (mismatch !== undefined) output.problem(errorLine(mismatch))
  for (const { stream, error } of broken) output.problem(`${stream}: ${errorLine(error)}`)
}

/** What differs, by stream and column; counts where the numbers of rows differ already. */
function mismatchOf(comparisons: readonly StreamComparison[]): AirlockError | undefined {
  const different = comparisons.filter(({ status }) => status === 'different')
  const counts = different.filter(({ rows }) => rows?.source !== rows?.target)
  if (counts.length > 0) {
    const problem = counts.map(({ stream, rows }) => `${stream}: ${rows?.source} read, ${rows?.target} in the target`)
    return new AirlockError('COUNT_MISMATCH', { phase: 'verify', params: { problem: problem.join('; ') } })
  }
  const at = different.flatMap(({ stream, different: columns }) => columns.map((column) => `${stream}.${column}`))
  return at.length === 0
    ? undefined
    : new AirlockError('CHECKSUM_MISMATCH', { phase: 'verify', params: { at: at.join(', ') } })
}

function formatComparisons(comparisons: readonly StreamComparison[]): string {
  const rows = comparisons.map(({ stream, status, rows: counted, different, not_compared, seconds }) => [
    stream,
    status,
    counted === null ? '' : formatCount(counted.source),
    counted === null ? '' : formatCount(counted.target),
    counted === null || counted.extra === 0 ? '' : formatCount(counted.extra),
    different.join(', '),
    not_compared.join(', '),
    seconds.toFixed(2),
  ])
  return formatTable(['stream', 'status', 'source', 'target', 'extra', 'different', 'not compared', 'seconds'], rows)
}
