import type { ManagedSession } from '../../core/managed-session.js'
import { AirlockError } from '../../errors/index.js'
import { parsePartMark } from '../parts/part-mark.js'

/** A run that was cancelled clears up all the same, but not for long. */
const LONGEST_MS = 20_000

/** Drops the staging tables of attempts that came to nothing: each attempt at a range has a table of its own, and of those
 * that were lost nobody knows how far they came. One that a mark names is whole and stays, for the next run to take over.
 * Gives notes for the report where that is not possible; nothing depends on it. */
export async function dropStray(
  useTarget: (signal: AbortSignal, work: (session: ManagedSession) => Promise<void>) => Promise<void>,
  pipeline: string,
  tables: readonly string[],
): Promise<readonly string[]> {
  if (tables.length === 0) return []
  const signal = AbortSignal.timeout(LONGEST_MS)
  try {
    await useTarget(signal, async (session) => {
      const saved = await session.readState(pipeline, signal)
      const named = new Set(saved.map((state) => parsePartMark(state, session.stagingSchema)?.table))
      for (const table of tables) {
        if (!named.has(table)) await session.dropStaging(table, signal)
      }
    })
    return []
  } catch (error) {
    if (!(error instanceof AirlockError)) throw error
    return [`staging tables of lost attempts may be left (${error.code})`]
  }
}
