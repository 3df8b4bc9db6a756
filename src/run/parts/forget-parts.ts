import type { SavedState, StateKey } from '../../core/driver.js'
import type { ManagedSession } from '../../core/managed-session.js'
import { AirlockError } from '../../errors/index.js'
import { isPartFenceOf } from '../remote/part-claims.js'
import { ledgerStream, parseLedger } from '../resume-ledger.js'
import { isPartOf, parsePartMark } from './part-mark.js'

/** Ends the claims on ranges of a stream, so that a job of an earlier run that is still alive adds nothing to what waits.
 * Gives what the target keeps of the pipeline from then on. */
export async function endClaims(
  target: ManagedSession,
  { pipeline, stream }: StateKey,
  signal: AbortSignal,
): Promise<readonly SavedState[]> {
  const saved = await target.readState(pipeline, signal)
  const claims = saved.filter((state) => isPartFenceOf(state, stream))
  if (claims.length === 0) return saved
  for (const claim of claims) await target.resetState(claim, signal)
  // A job may have committed until then.
  return await target.readState(pipeline, signal)
}

/** Drops what an interrupted load of a stream has left: its claims first, then tables before what names them. */
export async function forgetParts(target: ManagedSession, key: StateKey, signal: AbortSignal): Promise<void> {
  if (!target.keepsParts) return
  await dropAll(target, await endClaims(target, key, signal), loadOf(key), signal)
}

/** Drops it before the stream is written as a whole: ranges that are older than the rows of the table must not be taken
 * over by a later run. The ledger of a resumable stream stays where `isResumed`. One look where nothing waits. */
export async function supersedeParts(
  target: ManagedSession,
  key: StateKey,
  isResumed: boolean,
  signal: AbortSignal,
): Promise<void> {
  if (!target.keepsParts) return
  const isOld = loadOf(key, !isResumed)
  const saved = await lookedUp(target, key.pipeline, signal)
  if (!saved.some((state) => isOld(state) || isPartFenceOf(state, key.stream))) return
  await dropAll(target, await endClaims(target, key, signal), isOld, signal)
}

/** A write needs neither a database of the connection nor the right to read its table of states: who cannot look is left
 * alone. */
async function lookedUp(target: ManagedSession, pipeline: string, signal: AbortSignal): Promise<readonly SavedState[]> {
  try {
    return await target.readState(pipeline, signal)
  } catch (error) {
    const code = error instanceof AirlockError ? error.code : undefined
    if (code === 'PRIVILEGE_MISSING' || code === 'CONFIG_INVALID') return []
    throw error
  }
}

async function dropAll(
  target: ManagedSession,
  saved: readonly SavedState[],
  isOfLoad: (state: SavedState) => boolean,
  signal: AbortSignal,
): Promise<void> {
  for (const state of saved.filter(isOfLoad)) {
    const table = stagedIn(state, target.stagingSchema)
    if (table !== undefined) await target.dropStaging(table, signal)
    await target.resetState(state, signal)
  }
}

/** What says that ranges of this stream wait: a mark, or a ledger where that is meant too. */
function loadOf({ stream }: StateKey, orLedger = true): (state: SavedState) => boolean {
  return (state) => isPartOf(state, stream) || (orLedger && ledgerStream(state) === stream)
}

/** The table that a mark or a ledger names. */
function stagedIn(state: SavedState, schema: string | undefined): string | undefined {
  return (isPartOf(state) ? parsePartMark : parseLedger)(state, schema)?.table
}
