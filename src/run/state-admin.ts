import type { Pipeline } from '../config/pipeline.js'
import type { SavedState, StateKey } from '../core/driver.js'
import type { ManagedSession } from '../core/managed-session.js'
import { AirlockError } from '../errors/index.js'
import { isFence } from './fence-key.js'
import { ledgerKey, ledgerStream, parseLedger, rangeCount } from './resume-ledger.js'
import { HomeState } from './state-store.js'
import { parseState } from './stream-state.js'
import type { Workspace } from './workspace.js'

/** State of one stream as a person sees it. Keys are those of `--json`. */
export interface StateEntry {
  readonly pipeline: string
  readonly stream: string
  readonly kept_in: 'target' | 'home'
  readonly cursor: string | null
  readonly value: string | null
  readonly run: string | null
  readonly saved_at: string
}

/** State that is kept in `home` and, of a pipeline, at its target too. */
export async function showState(
  workspace: Workspace,
  pipeline: Pipeline | undefined,
  signal: AbortSignal,
): Promise<readonly StateEntry[]> {
  const entries = (await new HomeState(workspace.config.home).list(pipeline?.name)).map(entryOf('home'))
  if (pipeline === undefined) return entries
  await using target = await workspace.connect(pipeline.target, signal)
  if (!target.keepsState) return entries
  const saved = (await target.readState(pipeline.name, signal)).filter((state) => !isFence(state))
  return [...saved.map((state) => partsEntry(state, target.stagingSchema) ?? entryOf('target')(state)), ...entries]
}

/** Forgets where one stream goes on, so that its next run reads everything, and drops the table in which finished ranges
 * of an interrupted load wait. Throws USAGE where nothing is kept of it. */
export async function resetState(
  workspace: Workspace,
  pipeline: Pipeline,
  stream: string,
  signal: AbortSignal,
): Promise<readonly StateEntry[]> {
  const known = (await showState(workspace, pipeline, signal)).filter((entry) => entry.stream === stream)
  if (known.length === 0) {
    const problem = 'no state is kept of this stream; `airlock state show PIPELINE.yaml` lists what there is'
    throw new AirlockError('USAGE', { phase: 'config', params: { problem } })
  }
  const key = { pipeline: pipeline.name, stream }
  await workspace.audited('state.reset', key, async () => {
    if (known.some((entry) => entry.kept_in === 'home')) await new HomeState(workspace.config.home).reset(key)
    if (known.some((entry) => entry.kept_in === 'target')) {
      await using target = await workspace.connect(pipeline.target, signal)
      await forgetParts(target, key, signal)
      await target.resetState(key, signal)
    }
  })
  return known
}

async function forgetParts(target: ManagedSession, { pipeline, stream }: StateKey, signal: AbortSignal): Promise<void> {
  if (!target.keepsParts) return
  const key = ledgerKey(pipeline, stream)
  const saved = (await target.readState(pipeline, signal)).find((state) => state.stream === key.stream)
  if (saved === undefined) return
  const table = parseLedger(saved, target.stagingSchema)?.table
  if (table !== undefined) await target.dropStaging(table, signal)
  await target.resetState(key, signal)
}

/** The ledger of an interrupted load, under the name of its stream. */
function partsEntry(saved: SavedState, schema: string | undefined): StateEntry | undefined {
  const stream = ledgerStream(saved)
  if (stream === undefined) return undefined
  const ledger = parseLedger(saved, schema)
  const value = ledger && `${ledger.finished.length} of ${rangeCount(ledger)} ranges`
  const { pipeline, savedAt } = saved
  return {
    ...{ pipeline, stream, kept_in: 'target', run: null, saved_at: savedAt },
    cursor: ledger?.column ?? null,
    value: value ?? null,
  }
}

function entryOf(kept_in: 'target' | 'home'): (saved: SavedState) => StateEntry {
  return ({ pipeline, stream, value, savedAt }) => {
    const state = readable(value, stream)
    return {
      pipeline,
      stream,
      kept_in,
      cursor: state?.cursor ?? null,
      value: state?.value ?? null,
      run: state?.run ?? null,
      saved_at: savedAt,
    }
  }
}

/** What cannot be read is shown as such: it is there to be reset. */
function readable(value: string, stream: string): ReturnType<typeof parseState> | undefined {
  try {
    return parseState(value, stream)
  } catch (error) {
    if (error instanceof AirlockError) return undefined
    throw error
  }
}
