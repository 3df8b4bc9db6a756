import type { StateKey } from '../../core/driver.js'
import type { ManagedSession } from '../../core/managed-session.js'
import type { WriteFence } from '../../core/write-fence.js'
import { fenced, fenceKey, isFence } from '../fence-key.js'

const RANGE = /#range-\d{1,6}$/

/** Where it is kept who may bring a range. */
export function partFenceKey(pipeline: string, stream: string, index: number): StateKey {
  return fenceKey(pipeline, `${stream}#range-${index}`)
}

/** Whether a saved state says who may bring a range of this stream. */
export function isPartFenceOf(saved: StateKey, stream: string): boolean {
  const range = isFence(saved) ? RANGE.exec(fenced(saved)) : null
  return range !== null && fenced(saved).slice(0, range.index) === stream
}

/** The right to bring a range, for all jobs of a run that read it, each into a table of its own: the first that commits
 * ends it, so that one table at most is whole, which is the one that the mark names. */
export function partFence(pipeline: string, stream: string, index: number, run: string): WriteFence {
  return { key: partFenceKey(pipeline, stream, index), holder: `${run}.${stream}`, number: 1 }
}

/** Claims the ranges that a run will read, before its first job; planning them has ended the claims of earlier runs. */
export async function claimRanges(
  target: ManagedSession,
  { pipeline, stream, run }: { readonly pipeline: string; readonly stream: string; readonly run: string },
  missing: readonly number[],
  signal: AbortSignal,
): Promise<void> {
  for (const index of missing) await target.claimWrite(partFence(pipeline, stream, index, run), signal)
}
