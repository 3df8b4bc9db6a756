import type { PipelineStream } from '../config/pipeline.js'
import type { Column } from '../core/batch.js'
import type { CursorPosition, CursorStart } from '../core/driver.js'
import type { ManagedSession } from '../core/managed-session.js'
import { suggest } from '../core/suggest.js'
import { AirlockError } from '../errors/index.js'
import { comesBefore } from './cursor-order.js'
import type { StatePort } from './state-store.js'
import { checkState, columnsFingerprint, fingerprint, parseState, type StreamState } from './stream-state.js'

/** Where an incremental stream goes on, and where its state is kept. */
export interface Incremental {
  readonly cursor: Column
  readonly start: CursorStart
  /** What the last run left; undefined for a first run. `--full-refresh` leaves it out of `start`. */
  readonly before: StreamState | undefined
  /** In the transaction of the data, or in `home` after the commit. */
  readonly place: 'target' | 'home'
  /** The columns are not those of the last run: rows that it read lack the new ones. */
  readonly columnsChanged: boolean
  readonly of: string
  readonly columns: string
}

/** What planning an incremental stream needs beside the stream. */
export interface IncrementalContext {
  readonly pipeline: string
  /** Name of the source's connection. */
  readonly sourceName: string
  readonly source: ManagedSession
  readonly target: ManagedSession
  readonly home: StatePort
  readonly fullRefresh: boolean
  readonly signal: AbortSignal
}

/** Whether a stream reads from where its last run stopped: it has a cursor, no window of its own, and a mode that keeps
 * the rows of before. */
export function isIncremental(stream: PipelineStream): boolean {
  return stream.cursor !== undefined && stream.window === undefined && stream.mode !== 'replace'
}

/** Works out where an incremental stream goes on. `columns` are those of the source. Throws COLUMN_NOT_FOUND, KEY_REQUIRED,
 * STATE_MISMATCH, POLICY_REFUSED for what cannot be continued without loss, UNSUPPORTED where the source cannot. */
export async function planIncremental(
  stream: PipelineStream,
  columns: readonly Column[],
  context: IncrementalContext,
): Promise<Incremental> {
  requireIncremental(context.source)
  const cursor = cursorColumn(stream, columns)
  const key = keyOf(stream, columns)
  if (stream.mode === 'append' && key.length === 0) {
    throw new AirlockError('KEY_REQUIRED', { phase: 'plan', params: { at: `${stream.name} (append with a cursor)` } })
  }
  refuseMasked(stream, stream.mode === 'append' ? [cursor.name, ...key] : [cursor.name])
  const place = context.target.keepsState ? 'target' : 'home'
  const before = await savedState(stream, place, context)
  if (context.fullRefresh && before !== undefined && stream.mode === 'append') {
    throw refused(`--full-refresh would append every row of ${stream.name} once more; run it with mode replace once`)
  }
  const from = context.fullRefresh ? undefined : before
  if (from !== undefined) checkState(from, stream, context.sourceName)
  const columnsNow = columnsFingerprint(columns)
  return {
    cursor,
    start: {
      column: cursor.name,
      key,
      nulls: stream.policies['null_cursor'] === 'include' ? 'include' : 'error',
      ...(from === undefined ? {} : { from: from.value }),
      ...(from === undefined || stream.mode !== 'append' ? {} : { after: from.key }),
      ...(stream.lag === undefined || from === undefined ? {} : { lag: stream.lag }),
    },
    before,
    place,
    columnsChanged: from !== undefined && from.columns !== columnsNow,
    of: fingerprint(stream, context.sourceName),
    columns: columnsNow,
  }
}

/** What to remember of a run that came to `position`, as JSON; undefined where it found nothing new. Never goes back: rows
 * read once more because of `lag`, while the newest ones were deleted, do not undo what was seen. */
export function nextState(
  incremental: Incremental,
  position: CursorPosition | undefined,
  append: boolean,
  run: string,
): StreamState | undefined {
  if (position === undefined) return undefined
  const { cursor, before, start, of, columns } = incremental
  const last = start.from === undefined ? undefined : before
  if (last !== undefined && comesBefore(cursor.type.kind, position.value, last.value)) return undefined
  return {
    version: 1,
    of,
    cursor: cursor.name,
    value: position.value,
    key: append ? [...position.key] : [],
    columns,
    run,
  }
}

/** The stream's cursor among its columns: a cursor that is not read could neither be checked nor break ties. */
export function cursorColumn(stream: PipelineStream, columns: readonly Column[]): Column {
  const found = columns.find((column) => column.name === stream.cursor)
  if (found !== undefined) return found
  const names = columns.map(({ name }) => name)
  const params = { at: `${stream.name}.cursor`, suggestion: suggest(stream.cursor ?? '', names) }
  throw new AirlockError('COLUMN_NOT_FOUND', { phase: 'plan', params })
}

/** Sources that would read everything without a word are refused. */
export function requireIncremental(source: ManagedSession): void {
  if (source.capabilities.incremental === true) return
  const problem = `${source.family} cannot read a part of a table by cursor`
  throw new AirlockError('UNSUPPORTED', { phase: 'plan', params: { problem } })
}

function keyOf(stream: PipelineStream, columns: readonly Column[]): readonly string[] {
  if (stream.primaryKey.length > 0) return stream.primaryKey
  const key = columns.filter((column) => column.keyPosition > 0)
  return key.sort((a, b) => a.keyPosition - b.keyPosition).map(({ name }) => name)
}

/** State is a value of the source as it is, and is kept where the mask says that it must not be. */
function refuseMasked(stream: PipelineStream, names: readonly string[]): void {
  const masked = names.find((name) => Object.hasOwn(stream.mask, name))
  if (masked === undefined) return
  throw refused(`the state of ${stream.name} would hold values of ${masked}, which is masked; use another cursor`)
}

function refused(problem: string): AirlockError {
  return new AirlockError('POLICY_REFUSED', { phase: 'plan', params: { problem } })
}

async function savedState(
  stream: PipelineStream,
  place: 'target' | 'home',
  { pipeline, target, home, signal }: IncrementalContext,
): Promise<StreamState | undefined> {
  const key = { pipeline, stream: stream.name }
  if (place === 'home') {
    const text = await home.read(key)
    return text === undefined ? undefined : parseState(text, stream.name)
  }
  const saved = (await target.readState(pipeline, signal)).find((state) => state.stream === stream.name)
  return saved === undefined ? undefined : parseState(saved.value, stream.name)
}
