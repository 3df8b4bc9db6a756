import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { runInSession } from '../cache/index.js'
import { AirlockError } from '../errors/index.js'
import { createMasker } from '../masking/index.js'
import { AuditLog, Telemetry, type TelemetrySnapshot } from '../sinks/index.js'
import { currentCall } from './current-call.js'
import type { ServerPolicy } from './policy.js'

/** What is recorded of a call before it runs: names, never statements or content. */
export interface CallData {
  readonly what: 'tool' | 'resource'
  readonly name: string
  readonly [detail: string]: unknown
}

/** Audit and telemetry of the server. Each call has one id, under which the records of the server and of the child that
 * worked for it stand, and which its reply carries. */
export class Recorder implements AsyncDisposable {
  readonly telemetry: Telemetry
  readonly #audit: AuditLog | undefined
  #closing: Promise<void> | undefined

  private constructor(telemetry: Telemetry, audit: AuditLog | undefined) {
    this.telemetry = telemetry
    this.#audit = audit
  }

  /** Opens both, as the configuration has them. Throws AUDIT_UNAVAILABLE. */
  static async open({ home, audit, telemetry }: Pick<ServerPolicy, 'home' | 'audit' | 'telemetry'>): Promise<Recorder> {
    const masker = createMasker()
    const log = audit ? await AuditLog.open({ dir: join(home, 'audit'), masker, session: currentCall }) : undefined
    const kept = telemetry ? { dir: join(home, 'telemetry') } : {}
    return new Recorder(Telemetry.open({ ...kept, masker, session: currentCall }), log)
  }

  /** Runs the work of one call between its records. Without the first of them it does not run (AUDIT_UNAVAILABLE). */
  async call<T>(data: CallData, work: (id: string) => Promise<T>, describe: (result: T) => unknown): Promise<T> {
    const id = newCallId()
    return await this.inCall(id, data, () => work(id), describe)
  }

  /** The same under an id that is known already. */
  async inCall<T>(id: string, data: CallData, work: () => Promise<T>, describe: (result: T) => unknown): Promise<T> {
    return await runInSession(id, async () => {
      const started = performance.now()
      this.telemetry.add({ agent_calls: 1 })
      try {
        const result = await this.#guarded(data, work, describe)
        this.#finished(data, started, undefined)
        return result
      } catch (error) {
        this.#finished(data, started, error)
        throw error
      }
    })
  }

  /** Idempotent and bounded. Gives the final counters. */
  async close(): Promise<TelemetrySnapshot> {
    this.#closing ??= this.#close()
    await this.#closing
    return this.telemetry.snapshot()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #guarded<T>(data: CallData, work: () => Promise<T>, describe: (result: T) => unknown): Promise<T> {
    if (this.#audit === undefined) return await work()
    return await this.#audit.guard({ type: 'agent.call', data }, work, describe)
  }

  #finished({ what, name }: CallData, started: number, error: unknown): void {
    const agent_us = Math.round((performance.now() - started) * 1000)
    if (error === undefined) {
      this.telemetry.add({ agent_calls_completed: 1, agent_us })
      this.telemetry.emit('call.completed', { what, name })
    } else {
      const known = error instanceof AirlockError ? error : new AirlockError('INTERNAL')
      this.telemetry.add({ agent_calls_failed: 1, agent_us })
      this.telemetry.emit('call.failed', { what, name, code: known.code, ref: known.ref })
    }
  }

  async #close(): Promise<void> {
    await this.telemetry.stop()
    await this.#audit?.close()
  }
}

/** A new id for a call, e.g. `call-3f0c9a1be2d45786`. */
export function newCallId(): string {
  return `call-${randomBytes(8).toString('hex')}`
}
