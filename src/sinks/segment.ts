import { fstatSync, statSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { errnoOf } from './errno.js'
import type { OpenFilePort } from './private-files.js'

/** How a segment compares with what this handle last knew of it. */
export type SegmentState = 'unchanged' | 'resized' | 'replaced'

/** The end of a segment: its last whole line without the newline (null when it has none) and the torn bytes after it. */
export interface SegmentTail {
  readonly line: Buffer | null
  readonly torn: Buffer | null
  /** Where the torn bytes begin: the length of the whole lines. */
  readonly goodSize: number
}

const TAIL_WINDOW = 16 * 1024
const NEWLINE = 0x0a
const TRANSIENT_TRIES = 5

/** One open line file. Every method that reads or changes it must be called under the directory's lock. `append` stores
 * all of its bytes or rolls back to the last good size, so a failed write leaves no torn line. */
export class Segment {
  readonly number: number
  readonly path: string
  readonly #file: OpenFilePort
  #size = 0
  #known = false

  constructor(number: number, path: string, file: OpenFilePort) {
    this.number = number
    this.path = path
    this.#file = file
  }

  get size(): number {
    return this.#size
  }

  /** Compares handle and path: an unlinked or renamed file is `replaced`, and writing on would be writing into nothing. */
  inspect(): SegmentState {
    const held = fstatSync(this.#file.fd)
    const named = statSync(this.path, { throwIfNoEntry: false })
    if (named === undefined || held.nlink === 0 || named.ino !== held.ino || named.dev !== held.dev) return 'replaced'
    return this.#known && held.size === this.#size ? 'unchanged' : 'resized'
  }

  /** Age of the file in milliseconds, by the wall clock. */
  ageMs(): number {
    return Date.now() - fstatSync(this.#file.fd).birthtimeMs
  }

  /** Says that everything that follows from the last `readTail` is done: from here on the size tells what is new. */
  remember(): void {
    this.#known = true
  }

  /** Reads the end of the file as it is now. */
  async readTail(): Promise<SegmentTail> {
    const size = fstatSync(this.#file.fd).size
    this.#size = size
    this.#known = false
    for (let window = TAIL_WINDOW; ; window *= 2) {
      const start = Math.max(0, size - window)
      const bytes = await this.#read(start, size - start)
      const lastNewline = bytes.lastIndexOf(NEWLINE)
      const lineStart = lastNewline > 0 ? bytes.lastIndexOf(NEWLINE, lastNewline - 1) : -1
      if (start > 0 && lineStart === -1) continue
      const torn = bytes.subarray(lastNewline + 1)
      return {
        line: lastNewline === -1 ? null : bytes.subarray(lineStart + 1, lastNewline),
        torn: torn.length === 0 ? null : torn,
        goodSize: size - torn.length,
      }
    }
  }

  /** Searches backwards for a line, and tells how many whole lines stand after it. Reads the whole file if it must. */
  async lastLineThat(
    matches: (line: Buffer) => boolean,
  ): Promise<{ readonly line: Buffer; readonly after: number } | undefined> {
    const bytes = await this.#read(0, this.#size)
    let end = bytes.lastIndexOf(NEWLINE)
    for (let after = 0; end > 0; after += 1) {
      const start = bytes.lastIndexOf(NEWLINE, end - 1) + 1
      const line = bytes.subarray(start, end)
      if (matches(line)) return { line, after }
      end = start - 1
    }
    return undefined
  }

  /** Appends all bytes, or truncates back to where it began and throws the native error. */
  async append(bytes: Uint8Array): Promise<void> {
    const start = this.#size
    try {
      await writeFully(this.#file, bytes)
    } catch (error) {
      await this.#rollBack(start)
      throw error
    }
    this.#size = start + bytes.length
    this.#known = true
  }

  /** Cuts the file to `size` bytes. When that fails the size is unknown, and the next look reads the tail again. */
  async truncate(size: number): Promise<void> {
    const known = this.#known
    this.#known = false
    await this.#file.truncate(size)
    this.#size = size
    this.#known = known
  }

  async sync(): Promise<void> {
    await this.#file.datasync()
  }

  async close(): Promise<void> {
    await this.#file.close()
  }

  async #rollBack(size: number): Promise<void> {
    try {
      await this.truncate(size)
    } catch {
      // The append that failed is what the caller hears of; what is torn is quarantined with the next batch.
      this.#known = false
    }
  }

  async #read(position: number, length: number): Promise<Buffer> {
    const bytes = Buffer.allocUnsafe(length)
    let done = 0
    while (done < length) {
      const count = await this.#file.read(bytes.subarray(done), position + done)
      if (count === 0) break
      done += count
    }
    return bytes.subarray(0, done)
  }
}

/** Writes until every byte is stored: a system call may store fewer than it was given. */
async function writeFully(file: OpenFilePort, bytes: Uint8Array): Promise<void> {
  let done = 0
  let failures = 0
  while (done < bytes.length) {
    try {
      done += await file.write(bytes, done, bytes.length - done)
    } catch (error) {
      const errno = errnoOf(error)
      failures += 1
      if ((errno !== 'EAGAIN' && errno !== 'EINTR') || failures >= TRANSIENT_TRIES) throw error
      await sleep(failures)
    }
  }
}
