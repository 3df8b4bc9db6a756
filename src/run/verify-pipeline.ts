import type { Pipeline, PipelineStream } from '../config/pipeline.js'
import type { Batch, Column } from '../core/batch.js'
import { comparableType } from '../core/comparable.js'
import type { Extraction } from '../core/driver.js'
import type { ManagedSession } from '../core/managed-session.js'
import { compileMasks, maskExtraction } from '../core/mask-batches.js'
import { RowChecksums } from '../core/row-checksums.js'
import { AirlockError, type AirlockErrorData } from '../errors/index.js'
import { arrangeStreams } from './arrange-streams.js'
import { refuseUnmasked } from './deny-unmasked.js'
import { requireIncremental } from './incremental.js'
import { secondsSince } from './run-stream.js'
import { SessionPools } from './session-pools.js'
import { requestOf } from './stream-plan.js'
import type { Workspace } from './workspace.js'

/** How the two ends of one stream compare. Keys are those of `--json`. */
export interface StreamComparison {
  readonly stream: string
  /** `extra`: the target of an append or a merge holds every row's worth and more, so that only counts can be compared. */
  readonly status: 'equal' | 'different' | 'extra' | 'failed'
  readonly rows: { readonly source: number; readonly target: number; readonly extra: number } | null
  /** Columns whose contents differ. */
  readonly different: readonly string[]
  /** Columns that the two engines write in forms without anything in common. */
  readonly not_compared: readonly string[]
  readonly seconds: number
  readonly error: AirlockErrorData | null
}

export interface VerifyOptions {
  readonly signal?: AbortSignal
  readonly streams?: readonly string[]
  readonly onStream?: (comparison: StreamComparison) => void
}

/** Reads both ends of every stream, the source through the stream's masks, and compares rows and contents of each column.
 * Writes nothing. What changed at the source since the last run counts as a difference. Resolves with a comparison for each
 * stream, whatever it found; throws for what concerns all of them. */
export async function verifyPipeline(
  workspace: Workspace,
  pipeline: Pipeline,
  options: VerifyOptions = {},
): Promise<readonly StreamComparison[]> {
  const signal = options.signal ?? new AbortController().signal
  await using pools = await SessionPools.create(workspace, pipeline, 1)
  const onProblem = (error: unknown) => {
    const { code, ref } = workspace.masker.error(error, { phase: 'verify' })
    workspace.telemetry.emit('warning.raised', { problem: 'order of streams unknown', code, ref })
  }
  const { streams } = await arrangeStreams(workspace, pipeline, pools, options.streams, signal, onProblem)
  const comparisons: StreamComparison[] = []
  for (const stream of streams) {
    const started = performance.now()
    const comparison = await pools
      .use(signal, ({ source, target }) => compareEnds(workspace, stream, source, target, signal))
      .catch((error: unknown) => failed(stream, error instanceof AirlockError ? error : workspace.masker.error(error)))
    comparisons.push({ ...comparison, seconds: secondsSince(started) })
    options.onStream?.(comparisons.at(-1)!)
  }
  return comparisons
}

type Comparison = Omit<StreamComparison, 'seconds'>

function failed(stream: PipelineStream, error: AirlockError): Comparison {
  return { stream: stream.name, status: 'failed', rows: null, different: [], not_compared: [], error: error.toJSON() }
}

async function compareEnds(
  workspace: Workspace,
  stream: PipelineStream,
  source: ManagedSession,
  target: ManagedSession,
  signal: AbortSignal,
): Promise<Comparison> {
  refuseIncomparable(stream, target)
  const request = requestOf(stream)
  if (request.range !== undefined) requireIncremental(source)
  const described = await source.describe(request, signal)
  refuseUnmasked(stream, described.columns, workspace.config.denyUnmasked)
  const mask = {
    key: await workspace.config.maskKey(),
    table: stream.table ?? stream.name,
    keyColumns: stream.primaryKey,
  }
  const { columns } = compileMasks(described.columns, stream.mask, mask)
  const copy = { table: stream.targetTable, select: columns.map(({ name }) => name) }
  const atTarget = await target.describe(copy, signal)
  const types = columns.map((column, index) => comparableType(column, atTarget.columns[index]!))
  const shared = columns.map((column, index): Column => ({ ...column, type: types[index] ?? { kind: 'bytes' } }))
  const left = new AbortController()
  const together = AbortSignal.any([signal, left.signal])
  const read = (extraction: Extraction) => sumsOf(extraction, shared, left)
  const [from, to] = await Promise.all([
    read(maskExtraction(source.extract(request, together), stream.mask, mask)),
    read(target.extract(copy, together)),
  ])
  const skipped = columns.filter((_, index) => types[index] === undefined).map(({ name }) => name)
  const differing = RowChecksums.differing(from.digest(), to.digest()).filter((name) => !skipped.includes(name))
  const extra = Math.max(0, to.rows - from.rows)
  const grows = stream.mode !== 'replace'
  const status = extra > 0 && grows ? 'extra' : from.rows === to.rows && differing.length === 0 ? 'equal' : 'different'
  return {
    stream: stream.name,
    status,
    rows: { source: from.rows, target: to.rows, extra },
    different: from.rows === to.rows ? differing : [],
    not_compared: status === 'extra' ? shared.map(({ name }) => name) : skipped,
    error: null,
  }
}

/** One pass over one end. A failure ends the other end's pass too. */
async function sumsOf(rows: AsyncIterable<Batch>, columns: readonly Column[], other: AbortController) {
  const sums = new RowChecksums(columns)
  try {
    for await (const batch of rows) {
      sums.add(batch)
      batch.release?.()
    }
  } catch (error) {
    other.abort()
    throw error
  }
  return sums
}

function refuseIncomparable(stream: PipelineStream, target: ManagedSession): void {
  const problem = !target.capabilities.extract
    ? `${target.family} cannot be read back`
    : stream.strategy === 'scd2'
      ? 'a table with the history of its rows has no equal at the source'
      : undefined
  if (problem !== undefined) throw new AirlockError('UNSUPPORTED', { phase: 'verify', params: { problem } })
}
