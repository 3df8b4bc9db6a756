import type { SavedState } from '../../core/driver.js'
import type { ManagedSession } from '../../core/managed-session.js'
import { AirlockError } from '../../errors/index.js'
import { parsePartMark } from '../parts/part-mark.js'

/** A run that was cancelled clears up all the same, but not for long. */
const LONGEST_MS = 20_000

/** Drops the staging tables of attempts that came to nothing: of those that were lost nobody knows how far they came. Each
 * attempt at a stream, and each sandbox that reads a range, has tables that nobody else writes to. One that a mark names is
 * whole: it stays for the next run to take over, or goes too, with its mark. Gives notes for the report where that is not
 * possible; nothing depends on it. */
export async function dropStray(
  useTarget: (signal: AbortSignal, work: (session: ManagedSession) => Promise<void>) => Promise<void>,
  pipeline: string,
  tables: readonly string[],
  named: 'stay' | 'go' = 'stay',
): Promise<readonly string[]> {
  if (tables.length === 0) return []
  const signal = AbortSignal.timeout(LONGEST_MS)
  try {
    await useTarget(signal, async (session) => {
      const tableOf = (state: SavedState) => parsePartMark(state, session.stagingSchema)?.table
      const marked = new Set((await session.readState(pipeline, signal)).map(tableOf))
      const gone = tables.filter((table) => named === 'go' || !marked.has(table))
      for (const table of gone) await session.dropStaging(table, signal)
      // A write whose answer was lost may have been committed until its table was dropped.
      for (const state of await session.readState(pipeline, signal)) {
        if (gone.includes(tableOf(state) ?? '')) await session.resetState(state, signal)
      }
    })
    return []
  } catch (error) {
    if (!(error instanceof AirlockError)) throw error
    return [`staging tables of lost attempts may be left (${error.code})`]
  }
}
