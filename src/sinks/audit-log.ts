import { randomBytes } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { hostname } from 'node:os'
import { threadId } from 'node:worker_threads'
import { AirlockError } from '../errors/index.js'
import { type ChainDigest, type ChainMode, FORMAT_OF, keyedDigest, requireKey, sha256Digest } from './audit-chain.js'
import { AuditCheckpointer } from './audit-checkpointer.js'
import { type AuditSinkPort, guardOperation } from './audit-guard.js'
import { AUDIT_DEFAULTS, type AuditLogOptions } from './audit-options.js'
import { type AuditEvent, type PendingRecord, RecordSerialiser } from './audit-record.js'
import type { RetirementPlan } from './audit-retention.js'
import { LOG_EVENTS } from './audit-segments.js'
import { type AuditVerification, type VerifyOptions, verifyAuditLog } from './audit-verify.js'
import { AuditWriter, type Receipt } from './audit-writer.js'
import { withinDeadline } from './deadline.js'
import { DirectoryLock, type LockStats, loadLockBinding } from './directory-lock.js'
import { errnoOf } from './errno.js'
import { GroupCommitter } from './group-committer.js'
import { LogSalt } from './log-salt.js'
import { containedPath, nodeFiles, preparePrivateDirectory, syncDirectory } from './private-files.js'
import { Reserve } from './reserve.js'
import { SealKeys } from './seal-keys.js'
import { SegmentStore } from './segment-store.js'

/** Counters and state of a log at one moment. `state` is `degraded` after a failure until a batch is stored. */
export interface AuditStats {
  readonly state: 'healthy' | 'degraded' | 'closed'
  readonly appended: number
  readonly stored: number
  /** Given up without a stored record: rejected under `closed`, dropped under `open`. */
  readonly lost: number
  readonly batches: number
  readonly queuedEvents: number
  readonly queuedBytes: number
  /** Number of the last record that this writer knows of, -1 for none. */
  readonly head: number
  readonly rotations: number
  readonly recoveries: number
  readonly failures: number
  /** Checkpoints, syncs and closing steps that failed without a caller. */
  readonly backgroundFailures: number
  readonly checkpoints: number
  readonly anchorFailures: number
  readonly lock: LockStats
  readonly lastErrno: string | undefined
}

const NOT_STORED: Receipt = { seq: -1, hash: '', durable: false, stored: false }
const OWN_TYPES = 'audit.'

/** The audit log: a chain of records in `dir`, shared by any number of processes, threads and instances. `append` masks
 * and serialises before it returns; its promise settles when the record is stored (or refused: AUDIT_UNAVAILABLE). One
 * flusher writes in batches under the operating system's lock, so records keep one gap-free sequence across all writers.
 * Without anchors kept elsewhere (`signingKey`, `onAnchor`) nobody can see that the end of a log was cut off. */
export class AuditLog implements AuditSinkPort, AsyncDisposable {
  readonly #writer: AuditWriter
  readonly #committer: GroupCommitter<PendingRecord, Receipt>
  readonly #serialiser: RecordSerialiser
  readonly #checkpointer: AuditCheckpointer
  readonly #dir: string
  readonly #lock: DirectoryLock | null
  readonly #salt: LogSalt
  readonly #session: (() => string | undefined) | undefined
  readonly #policy: 'closed' | 'open'
  readonly #closeTimeoutMs: number
  readonly #timers: NodeJS.Timeout[] = []
  #closing: Promise<void> | undefined
  #appended = 0
  #stored = 0
  #lost = 0
  #backgroundFailures = 0

  private constructor(options: AuditLogOptions, dir: string, lock: DirectoryLock | null, salt: LogSalt) {
    const settings = { ...AUDIT_DEFAULTS, ...options }
    const mode = options.mode ?? 'sha256'
    const chain = lock === null ? `audit-${randomBytes(6).toString('hex')}` : 'audit'
    this.#dir = dir
    this.#lock = lock
    this.#salt = salt
    this.#session = options.session
    this.#policy = options.onFailure ?? 'closed'
    this.#closeTimeoutMs = settings.closeTimeoutMs
    this.#serialiser = new RecordSerialiser(options.masker, writerIdentity(salt), settings.maxLineBytes)
    this.#checkpointer = new AuditCheckpointer({
      signingKey: options.signingKey,
      every: settings.checkpointEvery,
      onAnchor: options.onAnchor,
    })
    this.#writer = new AuditWriter({
      store: new SegmentStore(dir, chain, options.files ?? nodeFiles),
      lock,
      format: FORMAT_OF[mode],
      digestFor: digestSource(mode, dir, options.key),
      serialise: (event) => this.#serialiser.serialise(event, undefined),
      checkpointer: this.#checkpointer,
      reserve: new Reserve(dir, settings.reserveBytes),
      syncBatches: (options.durability ?? 'batch') === 'batch',
      lockTimeoutMs: settings.lockTimeoutMs,
      maxSegmentBytes: settings.maxSegmentBytes,
      maxSegmentAgeMs: settings.maxSegmentAgeMs,
    })
    this.#committer = new GroupCommitter(this.#writer, {
      whenFull: 'reject',
      maxQueueEvents: settings.maxQueueEvents,
      maxQueueBytes: settings.maxQueueBytes,
      maxBatchEvents: settings.maxBatchEvents,
      maxBatchBytes: settings.maxBatchBytes,
      commitTimeoutMs: settings.commitTimeoutMs,
      onDropped: (count) => this.#countLost(count),
    })
    this.#startTimers(options.durability, settings.checkpointIntervalMs, settings.heartbeatMs)
  }

  /** Opens the log, creating its directory when needed; a torn last line is quarantined. Throws AUDIT_UNAVAILABLE when
   * the directory cannot be used, CONFIG_INVALID for a missing or unfit key. */
  static async open(options: AuditLogOptions): Promise<AuditLog> {
    let lock: DirectoryLock | null = null
    let log: AuditLog | undefined
    try {
      const dir = await preparePrivateDirectory(options.dir)
      const binding = options.lockBinding === undefined ? await loadLockBinding() : options.lockBinding
      lock = binding === null ? null : new DirectoryLock(dir, binding)
      log = new AuditLog(options, dir, lock, await LogSalt.open(dir))
      await log.#writer.open()
      return log
    } catch (error) {
      if (log === undefined) lock?.close()
      else await log.close()
      if (error instanceof AirlockError) throw error
      const origin = errnoOf(error)
      throw new AirlockError('AUDIT_UNAVAILABLE', { phase: 'audit', ...(origin === undefined ? {} : { origin }) })
    }
  }

  /** Checks every byte of the log in `dir`: digests, sequence, links between segments, signatures, anchors. Reads only. */
  static async verify(dir: string, options: VerifyOptions = {}): Promise<AuditVerification> {
    return await verifyAuditLog(dir, options)
  }

  /** Records one event. The event is masked and serialised before this returns. */
  append(event: AuditEvent): Promise<Receipt> {
    if (event.type.startsWith(OWN_TYPES)) {
      const params = { at: 'audit event type', problem: 'types that begin with `audit.` belong to the log itself' }
      return Promise.reject(new AirlockError('CONFIG_INVALID', { phase: 'audit', params }))
    }
    return this.#record(event)
  }

  /** Removes the oldest segments, which their owner no longer keeps. First a record says that they went and what the log
   * goes on from, so that `verify` tells this from a removal by somebody else. */
  async retire(plan: RetirementPlan): Promise<void> {
    const data = { segments: plan.segments, through: plan.through, last_seq: plan.last.seq, last_h: plan.last.h }
    const { stored } = await this.#record({ type: LOG_EVENTS.segmentsRetired, data })
    if (!stored) throw new AirlockError('AUDIT_UNAVAILABLE', { phase: 'audit' })
    for (const name of plan.segments) await rm(containedPath(this.#dir, name), { force: true })
    await syncDirectory(this.#dir)
  }

  /** Runs `fn` between an intent record and an outcome record; see `guardOperation` for what it rejects with. */
  guard<T>(event: AuditEvent, fn: (op: string) => Promise<T> | T, describe?: (result: T) => unknown): Promise<T> {
    return guardOperation(this, event, fn, describe)
  }

  /** A stand-in for a value that records may compare without containing it; equal only inside this log. */
  correlate(value: string): string {
    return this.#salt.correlate(value)
  }

  /** Waits until everything appended so far is stored or refused. */
  async flush(): Promise<void> {
    await this.#committer.flush()
  }

  stats(): AuditStats {
    const { state, ...writer } = this.#writer.stats
    return {
      ...writer,
      ...this.#checkpointer.stats,
      state: this.#closing === undefined ? state : 'closed',
      appended: this.#appended,
      stored: this.#stored,
      lost: this.#lost,
      backgroundFailures: this.#backgroundFailures,
      batches: this.#committer.batches,
      queuedEvents: this.#committer.queuedEvents,
      queuedBytes: this.#committer.queuedBytes,
      lock: this.#lock?.stats() ?? { waits: 0, waitMicros: 0, timeouts: 0 },
    }
  }

  /** Stores what waits, signs the head, closes the files. Idempotent, bounded by `closeTimeoutMs`, never rejects. */
  close(): Promise<void> {
    this.#closing ??= this.#shutDown()
    return this.#closing
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #shutDown(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer)
    await this.#committer.close(this.#closeTimeoutMs)
    await withinDeadline(this.#finish(), this.#closeTimeoutMs)
  }

  async #finish(): Promise<void> {
    await this.#background(() => this.#writer.checkpoint(false))
    await this.#background(() => this.#writer.sync())
    await this.#background(() => this.#writer.close())
  }

  async #settle(stored: Promise<Receipt>): Promise<Receipt> {
    try {
      const receipt = await stored
      this.#stored += 1
      return receipt
    } catch (error) {
      if (this.#policy === 'open') return NOT_STORED
      throw error
    }
  }

  #record(event: AuditEvent): Promise<Receipt> {
    this.#appended += 1
    const record = this.#serialiser.serialise(event, event.session ?? this.#session?.())
    return this.#settle(this.#committer.submit(record, record.bytes))
  }

  #countLost(count: number): void {
    this.#lost += count
    this.#writer.addLost(count)
  }

  #startTimers(durability: AuditLogOptions['durability'], intervalMs: number, heartbeatMs: number): void {
    if (this.#checkpointer.enabled) {
      const tick = (): Promise<void> => this.#writer.checkpoint(this.#checkpointer.ageMs >= heartbeatMs)
      this.#every(intervalMs, tick)
    }
    if (typeof durability === 'object') this.#every(durability.intervalMs, () => this.#writer.sync())
  }

  #every(intervalMs: number, step: () => Promise<void>): void {
    let running = false
    const tick = async (): Promise<void> => {
      // On a slow disk ticks would pile up before the mutex.
      if (running) return
      running = true
      await this.#background(step)
      running = false
    }
    const timer = setInterval(() => void tick(), intervalMs)
    timer.unref()
    this.#timers.push(timer)
  }

  /** Runs a step that nobody waits for; a failure shows in `stats`. */
  async #background(step: () => Promise<void>): Promise<void> {
    try {
      await step()
    } catch {
      this.#backgroundFailures += 1
    }
  }
}

/** Who wrote a record: this process and this instance in it. The host is named by a digest that only this log has. */
function writerIdentity(salt: LogSalt): Readonly<Record<string, string | number>> {
  return {
    host: salt.correlate(hostname()).slice(0, 12),
    pid: process.pid,
    thread: threadId,
    start: Math.round(performance.timeOrigin),
    rand: randomBytes(4).toString('hex'),
  }
}

function digestSource(
  mode: ChainMode,
  dir: string,
  key: Uint8Array | undefined,
): (segment: number) => Promise<ChainDigest> {
  if (mode === 'sealed') {
    const keys = new SealKeys(dir, key)
    return async (segment) => keyedDigest('sealed', await keys.keyOf(segment))
  }
  const digest = mode === 'hmac' ? keyedDigest('hmac', requireKey(key, 'audit.key')) : sha256Digest()
  return async () => digest
}
