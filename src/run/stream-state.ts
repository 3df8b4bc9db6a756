import { createHash } from 'node:crypto'
import { z } from 'zod'
import type { PipelineStream } from '../config/pipeline.js'
import type { Column } from '../core/batch.js'
import { formatType } from '../core/column-type.js'
import { AirlockError } from '../errors/index.js'

/** How far an incremental stream came: what is kept between runs, as JSON. Small by design, whatever the table's size. */
const streamState = z.strictObject({
  version: z.literal(1),
  /** Fingerprint of what was read and of where it went. */
  of: z.string(),
  cursor: z.string(),
  /** Canonical text of the greatest cursor value. */
  value: z.string(),
  /** Key of the last row at `value`; empty where the mode does not need it. */
  key: z.array(z.string()),
  /** Fingerprint of the columns. */
  columns: z.string(),
  run: z.string(),
})

export type StreamState = z.output<typeof streamState>

/** Reads state as it was saved. Throws STATE_MISMATCH for text of another shape or version. */
export function parseState(text: string, stream: string): StreamState {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw mismatch(stream, 'it cannot be read')
  }
  const parsed = streamState.safeParse(value)
  if (!parsed.success) throw mismatch(stream, 'another version of Airlock wrote it')
  return parsed.data
}

/** Refuses state that does not belong to the stream as it is configured now: rows would be missed without a word. */
export function checkState(state: StreamState, stream: PipelineStream, source: string): void {
  if (state.cursor !== stream.cursor) throw mismatch(stream.name, `its cursor column was ${state.cursor}`)
  if (state.of !== fingerprint(stream, source)) {
    throw mismatch(stream.name, 'the source, the condition or the target table was another one')
  }
}

/** State of a table that is not there any more would leave out every row of before. */
export function targetGone(stream: PipelineStream): AirlockError {
  return mismatch(stream.name, 'the target table is gone')
}

/** What a stream reads and where it goes, as 32 hex digits: of two streams that differ in it, one's state says nothing
 * about the other. */
export function fingerprint(stream: PipelineStream, source: string): string {
  const { table, query, where, targetTable } = stream
  return digest([source, table ?? null, query ?? null, where ?? null, targetTable])
}

/** Names and types of columns, as 32 hex digits. */
export function columnsFingerprint(columns: readonly Column[]): string {
  return digest(columns.map(({ name, type }) => [name, formatType(type)]))
}

function digest(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 32)
}

function mismatch(at: string, problem: string): AirlockError {
  return new AirlockError('STATE_MISMATCH', { phase: 'plan', params: { at, problem } })
}
