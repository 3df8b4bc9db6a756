import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { AirlockError } from '../../../errors/index.js'

const MAX_BYTES = 10 * 1024 * 1024
const { O_CREAT, O_NOFOLLOW, O_TRUNC, O_WRONLY } = constants

/** A row that was not taken: its number in the stream, why, and its key as JSON texts. */
export interface RejectedRow {
  readonly number: number
  readonly code: string
  readonly key: Readonly<Record<string, string>>
}

/** A file of rejected rows, one JSON object a line, for its owner's eyes (0600) and of a greatest size. It holds the key
 * that the row had after its masks, and none of its other values. It is made with the first row. */
export class Quarantine {
  readonly #path: string
  readonly #maxBytes: number
  #handle: FileHandle | undefined
  #queue: Promise<void> = Promise.resolve()
  #size = 0

  constructor({ path, maxBytes = MAX_BYTES }: { readonly path: string; readonly maxBytes?: number }) {
    this.#path = path
    this.#maxBytes = maxBytes
  }

  /** Rows beyond the greatest size are left out; the error counts them all the same. Throws CONFIG_INVALID for a file that
   * cannot be written. */
  add(rows: readonly RejectedRow[]): Promise<void> {
    const written = this.#queue.then(() => this.#write(rows))
    this.#queue = written.then(undefined, () => undefined)
    return written
  }

  async close(): Promise<void> {
    await this.#queue
    await this.#handle?.close()
    this.#handle = undefined
  }

  async #write(rows: readonly RejectedRow[]): Promise<void> {
    try {
      this.#handle ??= await this.#open()
      for (const { number, code, key } of rows) {
        const line = Buffer.from(`${JSON.stringify({ row: number, code, key })}\n`)
        if (this.#size + line.length > this.#maxBytes) return
        await this.#handle.appendFile(line)
        this.#size += line.length
      }
    } catch {
      // The error of the system names the path.
      const params = { at: 'mutation.quarantine', problem: 'the file cannot be written' }
      throw new AirlockError('CONFIG_INVALID', { phase: 'write', params })
    }
  }

  async #open(): Promise<FileHandle> {
    const handle = await open(this.#path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0o600)
    await handle.chmod(0o600)
    return handle
  }
}
