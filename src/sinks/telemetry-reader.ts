import { readdirSync, statSync } from 'node:fs'
import { readLines } from './line-reader.js'
import { containedPath } from './private-files.js'
import { parseSegmentName } from './segment-store.js'

/** One line of an event file, as far as readers ask. */
export interface TelemetryEvent {
  readonly type: string
  readonly data: unknown
}

const MAX_LINE = 1 << 20

/** Gives every event that is kept in `dir` to `onEvent`, oldest first. Lines that are no events are passed over: the files
 * are a help, not evidence. */
export async function readTelemetryEvents(dir: string, onEvent: (event: TelemetryEvent) => void): Promise<void> {
  const names = readdirSync(dir).filter((name) => parseSegmentName(name)?.chain === 'events')
  for (const name of names.sort()) {
    const path = containedPath(dir, name)
    await readLines(path, statSync(path).size, MAX_LINE, (line, whole) => {
      const event = whole ? parse(line) : undefined
      if (event !== undefined) onEvent(event)
    })
  }
}

function parse(line: Buffer): TelemetryEvent | undefined {
  try {
    const event = JSON.parse(line.toString('utf8')) as Partial<TelemetryEvent> | null
    return typeof event?.type === 'string' ? { type: event.type, data: event.data } : undefined
  } catch {
    return undefined
  }
}
