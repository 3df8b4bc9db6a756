import { randomBytes } from 'node:crypto'
import { threadId } from 'node:worker_threads'
import { toJson } from './audit-record.js'
import { withinDeadline } from './deadline.js'
import { EventFile, type EventFileOptions } from './event-file.js'
import type { EventMaskerPort } from './event-masker-port.js'
import {
  COUNTERS,
  type CounterDelta,
  type CounterName,
  type TelemetrySnapshot,
  zeroCounters,
} from './telemetry-counters.js'
import type { EventType } from './telemetry-events.js'
import { checkAmount, createSlab, readSlab } from './telemetry-slab.js'

export interface TelemetryOptions {
  /** Where event files go. Without it there are counters only. */
  readonly dir?: string
  readonly masker: EventMaskerPort
  /** The session that the caller of `emit` is in, asked synchronously. */
  readonly session?: () => string | undefined
  readonly maxQueueEvents?: number
  readonly maxQueueBytes?: number
  readonly maxSegmentBytes?: number
  /** How long `stop` lets events drain, in milliseconds (default 3000). */
  readonly stopTimeoutMs?: number
}

const STOP_TIMEOUT_MS = 3000

/** Exact counters and an event file. `add` changes all its counters in one synchronous step and `snapshot` copies them in
 * another, so every snapshot is consistent. `emit` never waits and never fails its caller: what cannot be written is
 * counted in `events_dropped`. Create one per process and pass it down. */
export class Telemetry implements AsyncDisposable {
  /** Names this instance in its events. */
  readonly id = randomBytes(6).toString('hex')
  readonly #options: TelemetryOptions
  readonly #file: EventFile | undefined
  readonly #counters = zeroCounters()
  readonly #slabs = new Set<SharedArrayBuffer>()
  readonly #writer: string
  #version = 0
  #final: TelemetrySnapshot | undefined
  #stopping: Promise<TelemetrySnapshot> | undefined

  private constructor(options: TelemetryOptions) {
    this.#options = options
    this.#writer = JSON.stringify({ pid: process.pid, thread: threadId, id: this.id })
    this.#file = options.dir === undefined ? undefined : new EventFile(this.#fileOptions(options.dir))
  }

  /** Begins counting. Files are touched with the first event only, so this neither waits nor fails. */
  static open(options: TelemetryOptions): Telemetry {
    return new Telemetry(options)
  }

  get stopped(): boolean {
    return this.#stopping !== undefined
  }

  /** Adds integer amounts, all of them or none. After `stop` it changes nothing. Throws INTERNAL for an unknown counter or
   * an amount that is no integer. */
  add(delta: CounterDelta): void {
    for (const name in delta) checkAmount(this.#counters[name as CounterName], delta[name as CounterName])
    if (this.#final !== undefined) return
    for (const name in delta) this.#counters[name as CounterName] += delta[name as CounterName]!
    this.#version += 1
  }

  /** Adds how often policies were applied, by name; names without a counter of their own count as `policy_other`. */
  addPolicies(counts: Readonly<Record<string, number>>): void {
    const delta: Partial<Record<CounterName, number>> = {}
    for (const [name, count] of Object.entries(counts)) {
      const counter: CounterName = isPolicyCounter(name) ? name : 'policy_other'
      delta[counter] = (delta[counter] ?? 0) + count
    }
    this.add(delta)
  }

  /** All counters of this moment, those of running worker threads included. Frozen. After `stop` the final ones. */
  snapshot(): TelemetrySnapshot {
    if (this.#final !== undefined) return this.#final
    const sums = { ...this.#counters, version: this.#version }
    for (const slab of this.#slabs) addSlab(sums, slab)
    return Object.freeze(sums)
  }

  /** Writes one event: its data is masked and serialised before this returns. */
  emit(type: EventType, data: unknown = null): void {
    if (this.#stopping !== undefined || this.#file === undefined) return
    this.add({ events_emitted: 1 })
    this.#file.post(this.#line(type, this.#masked(data)))
  }

  /** Shared memory for a worker thread, which counts into it through `SlabCounters`. Call `retireSlab` when the thread has
   * exited. */
  createSlab(): SharedArrayBuffer {
    const slab = createSlab()
    this.#slabs.add(slab)
    return slab
  }

  /** Keeps what an exited thread has counted. */
  retireSlab(slab: SharedArrayBuffer): void {
    if (!this.#slabs.delete(slab) || this.#final !== undefined) return
    const sums = { ...this.#counters, version: this.#version }
    addSlab(sums, slab)
    const { version, ...counters } = sums
    Object.assign(this.#counters, counters)
    this.#version = version
  }

  /** Waits until everything emitted so far is written or dropped. */
  async flush(): Promise<void> {
    await this.#file?.flush()
  }

  /** Ends counting: drains the events, then writes `telemetry.stopped` with the final snapshot, which it returns and which
   * `snapshot` gives from then on. Idempotent, bounded, never rejects. */
  stop(): Promise<TelemetrySnapshot> {
    this.#stopping ??= this.#shutDown()
    return this.#stopping
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  async #shutDown(): Promise<TelemetrySnapshot> {
    const timeoutMs = this.#options.stopTimeoutMs ?? STOP_TIMEOUT_MS
    await withinDeadline(this.flush(), timeoutMs)
    if (this.#file !== undefined) this.add({ events_emitted: 1 })
    this.#final = this.snapshot()
    this.#file?.post(this.#line('telemetry.stopped', JSON.stringify(this.#final)))
    await this.#file?.close(timeoutMs)
    return this.#final
  }

  #line(type: EventType, data: string): string {
    const session = this.#options.session?.()
    const inSession = session === undefined ? 'null' : (toJson(this.#maskedText(session)) ?? 'null')
    return `{"v":1,"ts":"${new Date().toISOString()}","writer":${this.#writer},"session":${inSession},"type":"${type}","data":${data}}`
  }

  #masked(data: unknown): string {
    if (data === null) return 'null'
    try {
      return toJson(this.#options.masker.value(data)) ?? '{"omitted":"not_serialisable"}'
    } catch {
      return '{"omitted":"mask_failed"}'
    }
  }

  #maskedText(text: string): string {
    try {
      return this.#options.masker.text(text)
    } catch {
      return '***'
    }
  }

  #fileOptions(dir: string): EventFileOptions {
    const { maxQueueEvents, maxQueueBytes, maxSegmentBytes } = this.#options
    return {
      dir,
      name: 'events',
      ...(maxQueueEvents === undefined ? {} : { maxQueueEvents }),
      ...(maxQueueBytes === undefined ? {} : { maxQueueBytes }),
      ...(maxSegmentBytes === undefined ? {} : { maxSegmentBytes }),
      onDropped: (count) => this.add({ events_dropped: count }),
    }
  }
}

function isPolicyCounter(name: string): name is CounterName {
  return COUNTERS.indexOf(name as CounterName) >= COUNTERS.indexOf('zero_dates')
}

function addSlab(sums: Record<CounterName, number> & { version: number }, slab: SharedArrayBuffer): void {
  const { version, values } = readSlab(slab)
  sums.version += version
  for (let i = 0; i < COUNTERS.length; i += 1) sums[COUNTERS[i]!] += values[i]!
}
