import { Mutex } from 'async-mutex'
import { AirlockError } from '../errors/index.js'
import type { ChainDigest } from './audit-chain.js'
import type { AuditAnchor, AuditCheckpointer } from './audit-checkpointer.js'
import { type AuditEvent, DIGEST_MARK, type PendingRecord, recordBody } from './audit-record.js'
import { AuditSegments, type ChainHead, LOG_EVENTS } from './audit-segments.js'
import type { DirectoryLock } from './directory-lock.js'
import { errnoOf } from './errno.js'
import type { Reserve } from './reserve.js'
import type { Segment } from './segment.js'
import type { SegmentStore } from './segment-store.js'

/** What an appended record became: its number and digest, and whether it is known to be on the medium. `stored` is false
 * only under `onFailure: 'open'`, when the record was dropped; `seq` is -1 and `hash` empty then. */
export interface Receipt {
  readonly seq: number
  readonly hash: string
  readonly durable: boolean
  readonly stored: boolean
}

export interface AuditWriterOptions {
  readonly store: SegmentStore
  /** null where nobody else writes these segments. */
  readonly lock: DirectoryLock | null
  /** The `v` of the records. */
  readonly format: number
  /** The digest for the records of a segment. */
  readonly digestFor: (segment: number) => Promise<ChainDigest>
  readonly serialise: (event: AuditEvent) => PendingRecord
  readonly checkpointer: AuditCheckpointer
  readonly reserve: Reserve
  /** fdatasync before each acknowledgement. */
  readonly syncBatches: boolean
  readonly lockTimeoutMs: number
  readonly maxSegmentBytes: number
  readonly maxSegmentAgeMs: number
}

interface ChainedLines {
  readonly bytes: Buffer
  readonly head: ChainHead
  readonly receipts: readonly Receipt[]
  readonly count: number
  readonly anchor: AuditAnchor | undefined
  readonly lost: number
}

const MAX_BACKOFF_MS = 1000

/** The one place that extends the chain. Each step holds the mutex of this instance and the directory's lock while it
 * compares the segment with the disk, re-reads the head when another writer was there, digests, writes, syncs and
 * rotates. Whatever fails leaves the segment as it was and rejects with AUDIT_UNAVAILABLE. */
export class AuditWriter {
  readonly #mutex = new Mutex()
  readonly #closing = new AbortController()
  readonly #options: AuditWriterOptions
  readonly #segments: AuditSegments
  /** Records about the log itself; they go out with the next batch and stay until they are stored. */
  #notes: PendingRecord[] = []
  #lost = 0
  #leaveBecause: string | undefined
  #unsynced = false
  #rotations = 0
  #failures = 0
  #failuresInRow = 0
  #lastErrno: string | undefined
  #digest: { readonly segment: number; readonly digest: ChainDigest } | undefined

  constructor(options: AuditWriterOptions) {
    this.#options = options
    this.#segments = new AuditSegments(options.store, (event) => this.#notes.push(options.serialise(event)))
  }

  get stats() {
    return {
      state: this.#failuresInRow === 0 ? ('healthy' as const) : ('degraded' as const),
      head: this.#segments.head.seq,
      rotations: this.#rotations,
      recoveries: this.#segments.recoveries,
      failures: this.#failures,
      lastErrno: this.#lastErrno,
    }
  }

  /** Opens the log: finds the head, quarantines a torn tail and records that. */
  async open(): Promise<void> {
    await this.#step(async () => {
      await this.#segments.open()
      if (this.#notes.length > 0) await this.#extend([])
    })
  }

  /** Counts records that were given up: the next batch that can be stored says how many. */
  addLost(count: number): void {
    this.#lost += count
  }

  /** Stores a batch and gives one receipt per record, in order. */
  async commit(records: readonly PendingRecord[]): Promise<readonly Receipt[]> {
    return await this.#step(async () => {
      const receipts = await this.#extend(records)
      await this.#rotateWhenDue()
      return receipts
    })
  }

  /** Signs the head if it is not signed yet, or in any case when `heartbeat`. */
  async checkpoint(heartbeat: boolean): Promise<void> {
    const { checkpointer } = this.#options
    if (!checkpointer.enabled || !(heartbeat || checkpointer.pending)) return
    await this.#step(async () => {
      checkpointer.force()
      await this.#extend([])
    })
  }

  /** Puts on the medium what was written without a sync. */
  async sync(): Promise<void> {
    if (!this.#unsynced) return
    await this.#step(async () => {
      this.#unsynced = false
      try {
        await this.#segments.opened?.sync()
      } catch (error) {
        this.#leaveBecause = 'sync_failed'
        throw error
      }
    })
  }

  /** Closes the files after the running step; whoever waits for the directory's lock is sent away. Idempotent. */
  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return
    this.#closing.abort()
    await this.#mutex.runExclusive(async () => {
      await this.#segments.close()
      this.#options.lock?.close()
    })
  }

  async #step<T>(work: () => Promise<T>): Promise<T> {
    return await this.#mutex.runExclusive(async () => {
      await this.#backOff()
      if (this.#closing.signal.aborted) throw unavailable(undefined)
      try {
        await this.#acquire()
      } catch (error) {
        throw this.#degrade(error)
      }
      try {
        const result = await work()
        this.#failuresInRow = 0
        if (this.#options.reserve.isMissing) await this.#options.reserve.ensure()
        return result
      } catch (error) {
        const failure = this.#degrade(error)
        await this.#recordDegraded()
        throw failure
      } finally {
        this.#options.lock?.release()
      }
    })
  }

  async #acquire(): Promise<void> {
    const { lock, lockTimeoutMs } = this.#options
    if (lock !== null && !(await lock.acquire(lockTimeoutMs, this.#closing.signal))) throw unavailable('ETIMEDOUT')
  }

  async #extend(records: readonly PendingRecord[]): Promise<readonly Receipt[]> {
    const segment = await this.#segmentForWriting()
    let lines = await this.#chain(segment, records)
    if (lines.count === 0) return []
    const start = segment.size
    await segment.append(lines.bytes)
    if (this.#options.syncBatches) {
      try {
        await segment.sync()
      } catch {
        lines = await this.#rewriteElsewhere(segment, start, records)
      }
    } else {
      this.#unsynced = true
    }
    this.#segments.head = lines.head
    this.#notes = []
    this.#lost -= lines.lost
    this.#options.checkpointer.stored(lines.count, lines.anchor)
    return lines.receipts
  }

  /** A failed sync means that the kernel may have dropped the pages, and a second sync would claim success. The segment
   * is left for good; its unacknowledged lines are cut and written to a new one. */
  async #rewriteElsewhere(segment: Segment, start: number, records: readonly PendingRecord[]): Promise<ChainedLines> {
    this.#failures += 1
    this.#leaveBecause = 'sync_failed'
    await segment.truncate(start)
    const next = await this.#segmentForWriting()
    const lines = await this.#chain(next, records)
    await next.append(lines.bytes)
    try {
      await next.sync()
    } catch (error) {
      this.#leaveBecause = 'sync_failed'
      await next.truncate(0)
      throw error
    }
    return lines
  }

  async #segmentForWriting(): Promise<Segment> {
    const segment = await this.#segments.current()
    if (this.#leaveBecause === undefined) return segment
    const next = await this.#segments.startNext(this.#leaveBecause)
    this.#leaveBecause = undefined
    return next
  }

  async #chain(segment: Segment, records: readonly PendingRecord[]): Promise<ChainedLines> {
    const { serialise, checkpointer, format, syncBatches } = this.#options
    const digest = await this.#digestOf(segment.number)
    const header = this.#segments.header()
    const lost = this.#lost
    const before = [
      ...(header === undefined ? [] : [serialise(header)]),
      ...this.#notes,
      ...(lost === 0 ? [] : [serialise({ type: LOG_EVENTS.eventsLost, data: { count: lost } })]),
    ]
    let { seq, h } = this.#segments.head
    let text = ''
    const add = (record: PendingRecord): void => {
      seq += 1
      const body = recordBody(format, seq, record.rest)
      h = digest(h, body)
      text += `${body}${DIGEST_MARK}${h}"}\n`
    }
    for (const record of before) add(record)
    const receipts = records.map((record): Receipt => {
      add(record)
      return { seq, hash: h, durable: syncBatches, stored: true }
    })
    const count = before.length + records.length
    // The record that closes a segment stays the last one in it.
    const closing = records.at(-1)?.type === LOG_EVENTS.segmentClosed
    const anchor = seq >= 0 && !closing && checkpointer.isDue(count) ? checkpointer.sign(seq, h) : undefined
    if (anchor !== undefined) add(serialise(checkpointer.eventOf(anchor)))
    const total = count + (anchor === undefined ? 0 : 1)
    return { bytes: Buffer.from(text), head: { seq, h, closed: false }, receipts, count: total, anchor, lost }
  }

  async #digestOf(segment: number): Promise<ChainDigest> {
    if (this.#digest?.segment !== segment) {
      this.#digest = { segment, digest: await this.#options.digestFor(segment) }
    }
    return this.#digest.digest
  }

  /** Closes a full or old segment. A failure costs nothing: the next batch tries again. */
  async #rotateWhenDue(): Promise<void> {
    const { maxSegmentBytes, maxSegmentAgeMs, checkpointer } = this.#options
    const segment = this.#segments.opened
    if (segment === undefined) return
    const reason = segment.size >= maxSegmentBytes ? 'full' : segment.ageMs() >= maxSegmentAgeMs ? 'old' : undefined
    if (reason === undefined) return
    try {
      checkpointer.force()
      await this.#extend([])
      await this.#extend([this.#options.serialise({ type: LOG_EVENTS.segmentClosed, data: { reason } })])
      if (!this.#options.syncBatches) await segment.sync()
      this.#segments.head = { ...this.#segments.head, closed: true }
      this.#rotations += 1
    } catch (error) {
      this.#failures += 1
      this.#lastErrno = errnoOf(error)
    }
  }

  #degrade(error: unknown): AirlockError {
    const origin = error instanceof AirlockError ? error.origin : errnoOf(error)
    this.#failures += 1
    this.#failuresInRow += 1
    this.#lastErrno = origin
    if (origin === 'EFBIG') this.#leaveBecause = 'file_too_large'
    return error instanceof AirlockError ? error : unavailable(origin)
  }

  /** On a full disk, spends the reserve on one record that says why those after it are missing. */
  async #recordDegraded(): Promise<void> {
    const full = this.#lastErrno === 'ENOSPC' || this.#lastErrno === 'EDQUOT'
    try {
      if (!full || !(await this.#options.reserve.spend())) return
      const data = { origin: this.#lastErrno }
      this.#notes.push(this.#options.serialise({ type: LOG_EVENTS.degraded, data }))
      await this.#extend([])
    } catch {
      this.#failures += 1
    }
  }

  async #backOff(): Promise<void> {
    if (this.#failuresInRow === 0) return
    const delay = Math.min(5 * 2 ** this.#failuresInRow, MAX_BACKOFF_MS)
    await new Promise((resolve) => setTimeout(resolve, delay))
  }
}

function unavailable(origin: string | undefined): AirlockError {
  return new AirlockError('AUDIT_UNAVAILABLE', origin === undefined ? { phase: 'audit' } : { phase: 'audit', origin })
}
