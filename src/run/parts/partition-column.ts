import type { PipelineStream } from '../../config/pipeline.js'
import type { Column } from '../../core/batch.js'
import type { ManagedSession } from '../../core/managed-session.js'
import { suggest } from '../../core/suggest.js'
import { AirlockError } from '../../errors/index.js'
import { WHOLE_NUMBERS } from '../resume-plan.js'

/** The column by which a stream with `partition_by` is divided. Throws COLUMN_NOT_FOUND where it is not read,
 * CONFIG_INVALID where it can be NULL or is no whole number, POLICY_REFUSED where it is masked. */
export function partitionColumn({ name, mask, partitionBy }: PipelineStream, columns: readonly Column[]): string {
  const at = `${name}.partition_by`
  const wanted = partitionBy?.column ?? ''
  const column = columns.find((candidate) => candidate.name === wanted)
  if (column === undefined) {
    const names = columns.map((candidate) => candidate.name)
    throw new AirlockError('COLUMN_NOT_FOUND', { phase: 'plan', params: { at, suggestion: suggest(wanted, names) } })
  }
  if (column.nullable || !WHOLE_NUMBERS.includes(column.type.kind)) {
    const problem = column.nullable ? 'rows without a value lie in no range' : 'only whole numbers can be divided'
    throw new AirlockError('CONFIG_INVALID', {
      phase: 'plan',
      params: { at, problem: `${problem}: name a column of whole numbers without NULL` },
    })
  }
  if (!Object.hasOwn(mask, wanted)) return wanted
  const problem = `the ranges of ${name} would show values of ${wanted}, which is masked`
  throw new AirlockError('POLICY_REFUSED', { phase: 'plan', params: { problem } })
}

/** Refuses a stream with `partition_by` that cannot be divided: for its column, or (UNSUPPORTED) for one of its ends. */
export function requirePartition(
  stream: PipelineStream,
  columns: readonly Column[],
  source: ManagedSession,
  target: ManagedSession,
): void {
  partitionColumn(stream, columns)
  if (!source.knowsKeyBounds || source.capabilities.incremental !== true) {
    throw unsupported(`${source.family} cannot read a table by ranges, which partition_by needs`)
  }
  if (target.keepsParts && target.keepsFences) return
  throw unsupported(`${target.family} cannot keep parts of a load, which partition_by needs`)
}

function unsupported(problem: string): AirlockError {
  return new AirlockError('UNSUPPORTED', { phase: 'plan', params: { problem } })
}
