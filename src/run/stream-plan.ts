import type { PipelineStream } from '../config/pipeline.js'
import { RUN_POLICIES } from '../config/run-policies.js'
import { streamProblem } from '../config/stream-problem.js'
import type { Column } from '../core/batch.js'
import type { ExtractRequest, WriteMode, WriteOutline, WritePlan } from '../core/driver.js'
import type { ManagedSession } from '../core/managed-session.js'
import { compileMasks, type MaskKey, type MaskOptions } from '../core/mask-batches.js'
import { suggest } from '../core/suggest.js'
import { AirlockError } from '../errors/index.js'
import { refuseUnmasked } from './deny-unmasked.js'
import { handOver } from './hand-over.js'
import { cursorColumn, type Incremental, isIncremental, planIncremental, requireIncremental } from './incremental.js'
import { requirePartition } from './parts/partition-column.js'
import { planResume, type ResumePlan } from './resume-plan.js'
import type { StatePort } from './state-store.js'
import { targetGone } from './stream-state.js'

/** What applies to every stream of a run. */
export interface StreamRules {
  readonly maskKey: MaskKey | undefined
  readonly denyUnmasked: readonly string[]
  readonly pipeline: string
  /** Name of the source's connection. */
  readonly sourceName: string
  readonly home: StatePort
  /** State is ignored, and written anew. */
  readonly fullRefresh?: boolean
  /** Contents are compared before the commit, not rows alone. */
  readonly checksum?: boolean
}

/** One stream, worked out against both ends; nothing was read or written yet. */
export interface StreamPlan {
  readonly stream: PipelineStream
  readonly request: ExtractRequest
  readonly write: WritePlan
  readonly mask: MaskOptions
  /** As they are after masking. */
  readonly columns: readonly Column[]
  readonly maskedColumns: readonly string[]
  /** The statement that reads the source. */
  readonly statement: string
  readonly estimatedRows: number | undefined
  readonly outline: WriteOutline
  /** Of a stream that goes on where its last run stopped. */
  readonly incremental: Incremental | undefined
  /** Of a stream that loads by ranges of its key. */
  readonly resume: ResumePlan | undefined
  /** What a person should know beside the notes of the outline. */
  readonly notes: readonly string[]
}

/** Works out one stream. Everything that can be refused before a row is read is refused here. */
export async function planStream(
  stream: PipelineStream,
  source: ManagedSession,
  target: ManagedSession,
  rules: StreamRules,
  signal: AbortSignal,
): Promise<StreamPlan> {
  const found = streamProblem(stream)
  if (found !== undefined) throw invalidSetting(stream, found.field, found.problem)
  const mode = supportedMode(stream, target)
  checkPolicies(stream, { ...source.policies, ...target.policies, ...RUN_POLICIES })
  const whole = requestOf(stream)
  if (whole.range !== undefined) requireIncremental(source)
  const described = await source.describe(whole, signal)
  if (whole.range !== undefined) cursorColumn(stream, described.columns)
  const incremental = isIncremental(stream)
    ? await planIncremental(stream, described.columns, {
        pipeline: rules.pipeline,
        sourceName: rules.sourceName,
        source,
        target,
        home: rules.home,
        fullRefresh: rules.fullRefresh === true,
        signal,
      })
    : undefined
  const request = incremental === undefined ? whole : { ...whole, cursor: incremental.start }
  const statement = incremental === undefined ? described : await source.describe(request, signal)
  const mask: MaskOptions = { key: rules.maskKey, table: stream.table ?? stream.name, keyColumns: stream.primaryKey }
  const masks = compileMasks(described.columns, stream.mask, mask)
  refuseUnmasked(stream, described.columns, rules.denyUnmasked)
  const write = writeOf(stream, mode, rules)
  const outline = await target.outline(write, masks.columns, signal)
  if (incremental?.start.from !== undefined && !outline.targetExists) throw targetGone(stream)
  const resume =
    stream.resume === undefined
      ? undefined
      : await planResume(stream, {
          ...{ source, target, signal, columns: described.columns, masked: masks.columns },
          ...{ pipeline: rules.pipeline, sourceName: rules.sourceName, maskKey: rules.maskKey },
          fullRefresh: rules.fullRefresh === true,
        })
  if (stream.partitionBy !== undefined) requirePartition(stream, described.columns, source, target)
  const masked = Object.keys(stream.mask).length > 0
  // The rows of a range go into another table than the one of the outline.
  const raw =
    resume === undefined ? handOver(source, target, { masked, checksum: rules.checksum === true, outline }) : undefined
  return {
    stream,
    request: raw === undefined ? request : { ...request, raw },
    write,
    mask,
    columns: masks.columns,
    maskedColumns: Object.keys(stream.mask),
    statement: statement.statement,
    estimatedRows: incremental?.start.from === undefined ? described.estimatedRows : undefined,
    outline,
    incremental,
    resume,
    notes: [...notesOf(stream, incremental), ...(resume?.notes ?? [])],
  }
}

/** What reading a stream from its beginning asks of the source. */
export function requestOf(stream: PipelineStream): ExtractRequest {
  const { table, query, graphql, select, where, window, cursor, policies } = stream
  return {
    ...(table === undefined ? {} : { table }),
    ...(query === undefined ? {} : { query }),
    ...(graphql === undefined ? {} : { graphql }),
    ...(select === undefined ? {} : { select }),
    ...(where === undefined ? {} : { where }),
    ...(window === undefined || cursor === undefined ? {} : { range: { column: cursor, ...window } }),
    policies,
  }
}

function writeOf(stream: PipelineStream, mode: WriteMode, rules: StreamRules): WritePlan {
  const { strategy, primaryKey, cursor, window, contract, maxDeleteRatio, identity } = stream
  return {
    table: stream.targetTable,
    mode,
    policies: stream.policies,
    ...(stream.mutation === undefined ? {} : { graphql: stream.mutation }),
    ...(strategy === undefined ? {} : { strategy }),
    ...(primaryKey.length === 0 ? {} : { primaryKey }),
    ...(cursor === undefined || mode === 'append' || mode === 'replace' ? {} : { cursor }),
    ...(window === undefined || cursor === undefined || mode !== 'delete+insert'
      ? {}
      : { window: { column: cursor, ...window } }),
    ...(contract === undefined ? {} : { contract }),
    ...(maxDeleteRatio === undefined ? {} : { maxDeleteRatio }),
    ...(identity === undefined ? {} : { identity }),
    ...(rules.checksum === true ? { checksum: true } : {}),
  }
}

function notesOf(stream: PipelineStream, incremental: Incremental | undefined): readonly string[] {
  const notes: string[] = []
  if (stream.cursor !== undefined && stream.window === undefined && stream.mode === 'replace') {
    notes.push('replace reads everything: its cursor keeps no state')
  }
  if (incremental === undefined) return notes
  const { start, place, columnsChanged } = incremental
  const lag = start.lag === undefined ? '' : `, and ${start.lag} before it once more`
  notes.push(start.from === undefined ? 'reads from the beginning' : `reads what is new by ${start.column}${lag}`)
  if (place === 'home') {
    const again = stream.mode === 'append' ? ': a run that dies in between appends its rows again' : ''
    notes.push(`state is kept in home/state after the commit${again}`)
  }
  if (columnsChanged) notes.push('the columns changed: rows of earlier runs lack the new ones until --full-refresh')
  return notes
}

function supportedMode(stream: PipelineStream, target: ManagedSession): WriteMode {
  const { modes, strategies } = target.capabilities
  const mode = modes.find((candidate) => candidate === stream.mode)
  if (mode === undefined) {
    const problem =
      modes.length === 0
        ? `${target.family} cannot be a target`
        : `mode ${stream.mode}; ${target.family} has ${modes.join(', ')}`
    throw new AirlockError('UNSUPPORTED', { phase: 'plan', params: { problem } })
  }
  const { strategy } = stream
  const known = strategies?.[mode] ?? []
  if (strategy === undefined || known.includes(strategy)) return mode
  const choices = known.length === 0 ? 'no strategies' : known.join(', ')
  const problem = `strategy ${strategy} of mode ${mode}; ${target.family} has ${choices}`
  throw new AirlockError('UNSUPPORTED', { phase: 'plan', params: { problem } })
}

/** A misspelt policy would silently leave its default in force. */
function checkPolicies(stream: PipelineStream, known: Readonly<Record<string, readonly string[]>>): void {
  for (const [name, word] of Object.entries(stream.policies)) {
    const words = Object.hasOwn(known, name) ? known[name]! : undefined
    if (words?.includes(word)) continue
    const problem =
      words === undefined
        ? `neither end has this policy.${suggest(name, Object.keys(known))}`
        : `the choices are ${words.join(', ')}`
    throw invalidSetting(stream, `policies.${name}`, problem)
  }
}

function invalidSetting(stream: PipelineStream, field: string, problem: string): AirlockError {
  return new AirlockError('CONFIG_INVALID', { phase: 'plan', params: { at: `${stream.name}.${field}`, problem } })
}
