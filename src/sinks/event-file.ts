import { Mutex } from 'async-mutex'
import { AirlockError } from '../errors/index.js'
import { DirectoryLock, loadLockBinding } from './directory-lock.js'
import { errnoOf } from './errno.js'
import { GroupCommitter } from './group-committer.js'
import { type FilesPort, nodeFiles, preparePrivateDirectory } from './private-files.js'
import type { Segment } from './segment.js'
import { SegmentStore } from './segment-store.js'

export interface EventFileOptions {
  /** Created (0700) with the first event. */
  readonly dir: string
  /** First part of the file names: lower-case letters. */
  readonly name: string
  readonly maxQueueEvents?: number
  readonly maxQueueBytes?: number
  readonly maxSegmentBytes?: number
  readonly lockTimeoutMs?: number
  readonly commitTimeoutMs?: number
  readonly files?: FilesPort
  /** Told how many lines were given up. */
  readonly onDropped: (count: number) => void
}

const DEFAULTS = {
  maxQueueEvents: 16_384,
  maxQueueBytes: 16 * 1024 * 1024,
  maxSegmentBytes: 32 * 1024 * 1024,
  lockTimeoutMs: 5000,
  commitTimeoutMs: 10_000,
}

/** Whole JSON lines in `<name>-00000001.jsonl` and following files, shared by any number of writers, without a chain.
 * `post` never waits and never throws: when the queue is full the oldest line goes, and every lost line is counted. */
export class EventFile {
  readonly #mutex = new Mutex()
  readonly #closing = new AbortController()
  readonly #options: EventFileOptions & typeof DEFAULTS
  readonly #committer: GroupCommitter<string, undefined>
  #opened: { readonly store: SegmentStore; readonly lock: DirectoryLock } | undefined
  #segment: Segment | undefined

  constructor(options: EventFileOptions) {
    this.#options = { ...DEFAULTS, ...options }
    this.#committer = new GroupCommitter<string, undefined>(this, {
      whenFull: 'drop-oldest',
      maxQueueEvents: this.#options.maxQueueEvents,
      maxQueueBytes: this.#options.maxQueueBytes,
      maxBatchEvents: 1024,
      maxBatchBytes: 1024 * 1024,
      commitTimeoutMs: this.#options.commitTimeoutMs,
      onDropped: options.onDropped,
    })
  }

  /** Queues one line, given without its newline. */
  post(line: string): void {
    this.#committer.post(line, Buffer.byteLength(line) + 1)
  }

  async flush(): Promise<void> {
    await this.#committer.flush()
  }

  /** Writes what waits, for at most `timeoutMs`, and closes the file. Idempotent, never rejects. */
  async close(timeoutMs: number): Promise<void> {
    await this.#committer.close(timeoutMs)
    if (this.#closing.signal.aborted) return
    this.#closing.abort()
    await this.#mutex.runExclusive(async () => {
      await this.#segment?.close()
      this.#opened?.lock.close()
    })
  }

  /** Called by the committer. */
  async commit(lines: readonly string[]): Promise<readonly undefined[]> {
    return await this.#mutex.runExclusive(async () => {
      try {
        const { store, lock } = await this.#open()
        if (!(await lock.acquire(this.#options.lockTimeoutMs, this.#closing.signal))) throw unavailable('ETIMEDOUT')
        try {
          const segment = await this.#current(store)
          await segment.append(Buffer.from(`${lines.join('\n')}\n`))
        } finally {
          lock.release()
        }
        return lines.map(() => undefined)
      } catch (error) {
        throw error instanceof AirlockError ? error : unavailable(errnoOf(error))
      }
    })
  }

  async #open(): Promise<{ readonly store: SegmentStore; readonly lock: DirectoryLock }> {
    if (this.#opened !== undefined) return this.#opened
    const { dir, name, files } = this.#options
    const binding = await loadLockBinding()
    if (binding === null) throw unavailable(undefined)
    const real = await preparePrivateDirectory(dir)
    this.#opened = { store: new SegmentStore(real, name, files ?? nodeFiles), lock: new DirectoryLock(real, binding) }
    return this.#opened
  }

  /** The segment to append to: the latest one, or a new one when that is full or gone. */
  async #current(store: SegmentStore): Promise<Segment> {
    const latest = store.exists((this.#segment?.number ?? 0) + 1) ? store.latest() : (this.#segment?.number ?? 0)
    const state = this.#segment?.number === latest ? this.#segment.inspect() : 'replaced'
    if (state === 'unchanged' && this.#segment!.size < this.#options.maxSegmentBytes) return this.#segment!
    if (state === 'replaced' || this.#segment === undefined) {
      await this.#adopt(store, latest)
    }
    await this.#repairTail(store)
    if (this.#segment!.size >= this.#options.maxSegmentBytes)
      await this.#replace(await store.create(this.#segment!.number + 1))
    return this.#segment!
  }

  async #adopt(store: SegmentStore, latest: number): Promise<void> {
    const exists = latest > 0 && store.exists(latest)
    await this.#replace(exists ? await store.open(latest) : await store.create(latest + 1))
  }

  async #replace(next: Segment): Promise<void> {
    const before = this.#segment
    this.#segment = next
    await before?.close()
  }

  async #repairTail(store: SegmentStore): Promise<void> {
    const tail = await this.#segment!.readTail()
    if (tail.torn !== null) await store.quarantine(this.#segment!, tail.torn, tail.goodSize)
    this.#segment!.remember()
  }
}

function unavailable(origin: string | undefined): AirlockError {
  return new AirlockError('INTERNAL', origin === undefined ? { phase: 'run' } : { phase: 'run', origin })
}
