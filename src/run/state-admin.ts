import type { Pipeline } from '../config/pipeline.js'
import type { SavedState } from '../core/driver.js'
import { AirlockError } from '../errors/index.js'
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
  return [...(await target.readState(pipeline.name, signal)).map(entryOf('target')), ...entries]
}

/** Forgets where one stream goes on, so that its next run reads everything. Throws USAGE where nothing is kept of it. */
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
      await target.resetState(key, signal)
    }
  })
  return known
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
