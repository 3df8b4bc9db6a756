import type { ManagedSession } from '../../core/managed-session.js'
import { decideClaim } from '../../core/write-fence.js'
import { parsePartMark, partKey } from '../parts/part-mark.js'
import type { PartJob } from './job.js'

/** A range that is at the target. */
export interface CommittedRange {
  readonly table: string
  readonly rows: number
}

/** The range of a part as another attempt at it has brought it already: its claim says that one did, and its mark, saved in
 * the same transaction, where. Undefined where none did, or where nobody claims. */
export async function committedRange(
  { pipeline, stream, mark, fence }: Pick<PartJob, 'pipeline' | 'stream' | 'mark' | 'fence'>,
  target: ManagedSession,
  signal: AbortSignal,
): Promise<CommittedRange | undefined> {
  if (fence === undefined) return undefined
  const saved = await target.readState(pipeline, signal)
  const named = (name: string) => saved.find((state) => state.stream === name)
  const claim = named(fence.key.stream)
  // What a later attempt would be told.
  const isDone = claim !== undefined && decideClaim(claim.value, { ...fence, number: fence.number + 1 }).committed
  const found = named(partKey(pipeline, stream.name, mark.index).stream)
  if (!isDone || found === undefined) return undefined
  const { table, rows } = parsePartMark(found, target.stagingSchema) ?? {}
  return table === undefined || rows === undefined ? undefined : { table, rows }
}
