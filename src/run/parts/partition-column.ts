import type { PipelineStream } from '../../config/pipeline.js'
import type { Column } from '../../core/batch.js'
import type { KeyKind } from '../../core/key-split.js'
import type { ManagedSession } from '../../core/managed-session.js'
import { suggest } from '../../core/suggest.js'
import { AirlockError } from '../../errors/index.js'
import { WHOLE_NUMBERS } from '../resume-plan.js'

/** What a stream is divided by. */
export interface PartitionColumn {
  readonly name: string
  readonly kind: KeyKind
}

/** The column by which a stream with `partition_by` is divided. Throws COLUMN_NOT_FOUND where it is not read,
 * CONFIG_INVALID where it can be NULL or has neither whole numbers nor uuids, POLICY_REFUSED where it is masked. */
export function partitionColumn(
  { name, mask, partitionBy }: PipelineStream,
  columns: readonly Column[],
  source: ManagedSession,
): PartitionColumn {
  const at = `${name}.partition_by`
  const wanted = partitionBy?.column ?? ''
  const column = columns.find((candidate) => candidate.name === wanted)
  if (column === undefined && wanted === source.blockColumn) return { name: wanted, kind: 'blocks' }
  if (column === undefined) {
    const names = columns.map((candidate) => candidate.name)
    throw new AirlockError('COLUMN_NOT_FOUND', { phase: 'plan', params: { at, suggestion: suggest(wanted, names) } })
  }
  const kind = kindOf(column)
  if (column.nullable || kind === undefined) {
    const problem = column.nullable
      ? 'rows without a value lie in no range'
      : 'only whole numbers and uuids can be divided'
    throw new AirlockError('CONFIG_INVALID', {
      phase: 'plan',
      params: { at, problem: `${problem}: name a column of these without NULL` },
    })
  }
  if (!Object.hasOwn(mask, wanted)) return { name: wanted, kind }
  const problem = `the ranges of ${name} would show values of ${wanted}, which is masked`
  throw new AirlockError('POLICY_REFUSED', { phase: 'plan', params: { problem } })
}

/** The key by which a stream can be divided that does not say so: the source's primary key, or else the stream's, of one
 * column that is read and not masked; undefined where there is none. */
export function divisibleKey(stream: PipelineStream, columns: readonly Column[]): PartitionColumn | undefined {
  const own = columns.filter(({ keyPosition }) => keyPosition > 0).map(({ name }) => name)
  const names = own.length === 1 ? own : stream.primaryKey
  const column = columns.find(({ name }) => name === names[0])
  const kind = column && kindOf(column)
  if (names.length !== 1 || column === undefined || column.nullable || kind === undefined) return undefined
  return Object.hasOwn(stream.mask, column.name) ? undefined : { name: column.name, kind }
}

function kindOf({ type }: Column): KeyKind | undefined {
  if (type.kind === 'uuid') return 'uuid'
  return WHOLE_NUMBERS.includes(type.kind) ? 'whole' : undefined
}

/** Refuses a stream with `partition_by` that cannot be divided: for its column, or (UNSUPPORTED) for one of its ends. */
export function requirePartition(
  stream: PipelineStream,
  columns: readonly Column[],
  source: ManagedSession,
  target: ManagedSession,
): void {
  partitionColumn(stream, columns, source)
  if (!source.splitsKeys || source.capabilities.incremental !== true) {
    throw unsupported(`${source.family} cannot read a table by ranges, which partition_by needs`)
  }
  if (target.keepsParts && target.keepsFences) return
  throw unsupported(`${target.family} cannot keep parts of a load, which partition_by needs`)
}

function unsupported(problem: string): AirlockError {
  return new AirlockError('UNSUPPORTED', { phase: 'plan', params: { problem } })
}
