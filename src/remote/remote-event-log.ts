import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { REMOTE_EVENTS, type RemoteEventFields, type RemoteEventName, type RemoteEventPort } from './events.js'

/** One event as it is kept. */
export interface RemoteEvent extends RemoteEventFields {
  readonly ts: string
  /** From 1, without gaps within one run. */
  readonly seq: number
  readonly run: string
  readonly event: RemoteEventName
  readonly severity: 'info' | 'warn' | 'error'
}

export interface RemoteEventLogOptions {
  readonly run: string
  /** File of the events of this run, one JSON object a line. */
  readonly file: string
  /** Takes secrets out of whatever text an event carries. */
  readonly mask: (text: string) => string
  /** Told of each event with its line for a person: telemetry, and a terminal. */
  readonly onEvent?: (event: RemoteEvent, line: string) => void
}

/** The events of one remote run: numbered, masked, written line by line before anybody is told, and counted. The counts
 * are those of the lines in the file. */
export class RemoteEventLog implements RemoteEventPort {
  #options: RemoteEventLogOptions
  #seq = 0
  #counts = new Map<RemoteEventName, number>()
  #opened = false
  #broken = false

  constructor(options: RemoteEventLogOptions) {
    this.#options = options
  }

  /** Whether some event could not be written. A run that cannot say what happened is not a success. */
  get broken(): boolean {
    return this.#broken
  }

  /** How often each event happened. */
  get counts(): Readonly<Partial<Record<RemoteEventName, number>>> {
    return Object.fromEntries(this.#counts)
  }

  emit(event: RemoteEventName, fields: RemoteEventFields = {}): void {
    const { run, onEvent, mask } = this.#options
    const { severity } = REMOTE_EVENTS[event]
    const safe = Object.fromEntries(
      Object.entries(fields).map(([name, value]) => [name, typeof value === 'string' ? mask(printable(value)) : value]),
    ) as RemoteEventFields
    const told: RemoteEvent = {
      ts: new Date().toISOString(),
      seq: ++this.#seq,
      run,
      event,
      severity,
      ...safe,
    }
    this.#counts.set(event, (this.#counts.get(event) ?? 0) + 1)
    this.#write(told)
    onEvent?.(told, lineOf(told))
  }

  /** Events are few, and each must be there when the process dies right after it. */
  #write(event: RemoteEvent): void {
    try {
      if (!this.#opened) mkdirSync(dirname(this.#options.file), { recursive: true, mode: 0o700 })
      this.#opened = true
      append(this.#options.file, Buffer.from(`${JSON.stringify(event)}\n`))
    } catch {
      if (this.#broken) return
      this.#broken = true
      this.emit('events.write_failed', { class: 'file' })
    }
  }
}

function append(file: string, line: Buffer): void {
  const handle = openSync(file, 'a', 0o600)
  try {
    for (let at = 0; at < line.length; ) at += writeSync(handle, line, at)
  } finally {
    closeSync(handle)
  }
}

/** The line of an event for a person. */
export function lineOf(event: RemoteEvent): string {
  const fields = event as unknown as Readonly<Record<string, unknown>>
  const text = REMOTE_EVENTS[event.event].line.replace(/\{(\w+)\}/g, (_, name: string) => String(fields[name] ?? '?'))
  return event.retry === true ? `${text}; tried again` : text
}

/** Names of files come from a sandbox: no control characters, and not without end. */
function printable(text: string): string {
  return text.slice(0, 200).replace(/\p{C}/gu, '?')
}
