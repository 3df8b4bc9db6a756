import type { Pipeline } from '../config/pipeline.js'
import type { SavedState } from '../core/driver.js'
import { AirlockError } from '../errors/index.js'
import { isFence } from './fence-key.js'
import { forgetParts } from './parts/forget-parts.js'
import { isPartOf, type PartMark, parsePartMark } from './parts/part-mark.js'
import { ledgerStream, parseLedger, rangeCount } from './resume-ledger.js'
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
  /** Of a load in ranges that was interrupted: how many of them wait at the target. */
  readonly ranges: WaitingRanges | null
  readonly run: string | null
  readonly saved_at: string
}

/** Finished ranges of an interrupted load. */
export interface WaitingRanges {
  readonly finished: number
  readonly total: number
  readonly rows: number
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
  const { stagingSchema } = target
  const whole = saved.filter((state) => !isPartOf(state))
  return [
    ...whole.map((state) => ledgerEntry(state, stagingSchema) ?? entryOf('target')(state)),
    ...markEntries(saved, stagingSchema),
    ...entries,
  ]
}

/** Forgets where one stream goes on, so that its next run reads everything, and drops the tables in which finished ranges
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

/** The ledger of an interrupted load, under the name of its stream. */
function ledgerEntry(saved: SavedState, schema: string | undefined): StateEntry | undefined {
  const stream = ledgerStream(saved)
  if (stream === undefined) return undefined
  const ledger = parseLedger(saved, schema)
  return rangesEntry(
    stream,
    [saved],
    ledger?.column,
    ledger && {
      finished: ledger.finished.length,
      total: rangeCount(ledger),
      rows: ledger.finished.reduce((sum, { rows }) => sum + rows, 0),
    },
  )
}

/** The marks of each load that was divided, as one entry under the name of its stream; those that cannot be read as another. */
function markEntries(saved: readonly SavedState[], schema: string | undefined): readonly StateEntry[] {
  const loads = new Map<string, { readonly saved: SavedState; readonly mark: PartMark | undefined }[]>()
  for (const state of saved) {
    const stream = streamOfPart(state)
    if (stream === undefined) continue
    const mark = parsePartMark(state, schema)
    const load = JSON.stringify([stream, mark && [mark.of, mark.column, mark.bounds]])
    loads.set(load, [...(loads.get(load) ?? []), { saved: state, mark }])
  }
  return [...loads.values()].map((marks) => {
    const [first] = marks
    const total = (first?.mark?.bounds.length ?? 0) + 1
    const rows = marks.reduce((sum, { mark }) => sum + (mark?.rows ?? 0), 0)
    return rangesEntry(
      streamOfPart(first!.saved)!,
      marks.map((one) => one.saved),
      first?.mark?.column,
      first?.mark && { finished: marks.length, total, rows },
    )
  })
}

/** The stream whose mark this is; undefined for any other state. */
function streamOfPart(saved: SavedState): string | undefined {
  return isPartOf(saved) ? saved.stream.slice(0, saved.stream.lastIndexOf('#')) : undefined
}

function rangesEntry(
  stream: string,
  saved: readonly SavedState[],
  column: string | undefined,
  ranges: WaitingRanges | undefined,
): StateEntry {
  const value = ranges && `${ranges.finished} of ${ranges.total} ranges`
  return {
    ...{ pipeline: saved[0]!.pipeline, stream, kept_in: 'target', run: null },
    saved_at: saved.map(({ savedAt }) => savedAt).reduce((last, at) => (at > last ? at : last)),
    cursor: column ?? null,
    value: value ?? null,
    ranges: ranges ?? null,
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
      ranges: null,
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
