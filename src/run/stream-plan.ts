import type { PipelineStream } from '../config/pipeline.js'
import type { Column } from '../core/batch.js'
import type { ExtractRequest, WriteMode, WriteOutline, WritePlan } from '../core/driver.js'
import type { ManagedSession } from '../core/managed-session.js'
import { compileMasks, type MaskKey, type MaskOptions } from '../core/mask-batches.js'
import { suggest } from '../core/suggest.js'
import { AirlockError } from '../errors/index.js'
import { refuseUnmasked } from './deny-unmasked.js'

/** What applies to every stream of a run. */
export interface StreamRules {
  readonly maskKey: MaskKey | undefined
  readonly denyUnmasked: readonly string[]
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
}

/** Works out one stream. Everything that can be refused before a row is read is refused here. */
export async function planStream(
  stream: PipelineStream,
  source: ManagedSession,
  target: ManagedSession,
  rules: StreamRules,
  signal: AbortSignal,
): Promise<StreamPlan> {
  const mode = supportedMode(stream, target)
  checkPolicies(stream, { ...source.policies, ...target.policies })
  const request: ExtractRequest = {
    ...(stream.table === undefined ? {} : { table: stream.table }),
    ...(stream.query === undefined ? {} : { query: stream.query }),
    ...(stream.select === undefined ? {} : { select: stream.select }),
    ...(stream.where === undefined ? {} : { where: stream.where }),
    policies: stream.policies,
  }
  const described = await source.describe(request, signal)
  const mask: MaskOptions = { key: rules.maskKey, table: stream.table ?? stream.name, keyColumns: stream.primaryKey }
  const masks = compileMasks(described.columns, stream.mask, mask)
  refuseUnmasked(stream, described.columns, rules.denyUnmasked)
  const write: WritePlan = {
    table: stream.targetTable,
    mode,
    policies: stream.policies,
    ...(stream.primaryKey.length === 0 ? {} : { primaryKey: stream.primaryKey }),
  }
  return {
    stream,
    request,
    write,
    mask,
    columns: masks.columns,
    maskedColumns: Object.keys(stream.mask),
    statement: described.statement,
    estimatedRows: described.estimatedRows,
    outline: await target.outline(write, masks.columns, signal),
  }
}

function supportedMode(stream: PipelineStream, target: ManagedSession): WriteMode {
  const { modes } = target.capabilities
  const mode = modes.find((candidate) => candidate === stream.mode)
  if (mode !== undefined) return mode
  const problem =
    modes.length === 0
      ? `${target.family} cannot be a target`
      : `mode ${stream.mode}; ${target.family} has ${modes.join(', ')}`
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
    throw new AirlockError('CONFIG_INVALID', {
      phase: 'plan',
      params: { at: `${stream.name}.policies.${name}`, problem },
    })
  }
}
