import type { Phase } from '../errors/index.js'
import { EventFile } from './event-file.js'
import type { EventMaskerPort } from './event-masker-port.js'

export interface DebugSinkOptions {
  readonly dir: string
  readonly masker: EventMaskerPort
  /** Off unless a person asked for it. */
  readonly enabled?: boolean
}

/** One native error, to be found again under the `ref` of the AirlockError that took its place. */
export interface DebugEntry {
  readonly ref: string
  readonly phase: Phase
  readonly error: unknown
}

const MAX_TEXT = 8 * 1024
const CLOSE_TIMEOUT_MS = 2000

/** Writes what native errors said, masked, to `debug-*.jsonl` (0600) when it is enabled, and does nothing otherwise.
 * `record` neither waits nor throws; nothing of a record is ever attached to an error. */
export class DebugSink implements AsyncDisposable {
  readonly #masker: EventMaskerPort
  readonly #file: EventFile | undefined
  #recorded = 0
  #dropped = 0

  constructor(options: DebugSinkOptions) {
    this.#masker = options.masker
    if (options.enabled !== true) return
    this.#file = new EventFile({
      dir: options.dir,
      name: 'debug',
      onDropped: (count) => {
        this.#dropped += count
      },
    })
  }

  get stats(): { readonly enabled: boolean; readonly recorded: number; readonly dropped: number } {
    return { enabled: this.#file !== undefined, recorded: this.#recorded, dropped: this.#dropped }
  }

  record(entry: DebugEntry): void {
    if (this.#file === undefined) return
    this.#recorded += 1
    const line = {
      v: 1,
      ts: new Date().toISOString(),
      ref: entry.ref,
      phase: entry.phase,
      ...this.#describe(entry.error),
    }
    this.#file.post(JSON.stringify(line))
  }

  /** Writes what waits and closes the file. Idempotent, bounded, never rejects. */
  async close(): Promise<void> {
    await this.#file?.close(CLOSE_TIMEOUT_MS)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  #describe(error: unknown): Readonly<Record<string, string>> {
    if (!(error instanceof Error)) return { text: this.#text(String(error)) }
    const code = 'code' in error ? String(error.code) : ''
    return { name: this.#text(error.name), code: this.#text(code), text: this.#text(error.stack ?? error.message) }
  }

  /** Masked before it is cut: a cut could split a secret so that no rule knows it any more. */
  #text(text: string): string {
    try {
      return this.#masker.text(text).slice(0, MAX_TEXT)
    } catch {
      return '***'
    }
  }
}
