import { AirlockError } from '../errors/index.js'
import { type AuditSinkPort, guardOperation } from './audit-guard.js'
import type { AuditEvent } from './audit-record.js'
import type { Receipt } from './audit-writer.js'
import { TIMED_OUT, withinDeadline } from './deadline.js'

export interface AuditQuorumOptions {
  /** How many sinks must have stored a record (default 1). */
  readonly quorum?: number
  /** How long one sink may take for one record, in milliseconds (default 10 000). */
  readonly timeoutMs?: number
  /** After this many failures in a row a sink is left alone (default 5) … */
  readonly breakAfter?: number
  /** … for this long (default 30 000 ms). */
  readonly breakMs?: number
}

interface Member {
  readonly sink: AuditSinkPort
  failuresInRow: number
  failures: number
  openUntil: number
}

/** Several audit sinks as one: a record counts when `quorum` of them stored it. A sink that hangs is given up for this
 * record, one that keeps failing is left alone for a while. Throws CONFIG_INVALID without sinks enough for the quorum. */
export class AuditQuorum implements AuditSinkPort {
  readonly #members: readonly Member[]
  readonly #options: Required<AuditQuorumOptions>

  constructor(sinks: readonly AuditSinkPort[], options: AuditQuorumOptions = {}) {
    this.#options = { quorum: 1, timeoutMs: 10_000, breakAfter: 5, breakMs: 30_000, ...options }
    this.#members = sinks.map((sink) => ({ sink, failuresInRow: 0, failures: 0, openUntil: 0 }))
    const { quorum } = this.#options
    if (quorum >= 1 && sinks.length >= quorum) return
    const params = {
      at: 'audit.sinks',
      problem: `a quorum of ${quorum} needs as many sinks, and there are ${sinks.length}`,
    }
    throw new AirlockError('CONFIG_INVALID', { phase: 'audit', params })
  }

  /** Failures of each sink so far, in the order given. */
  get failures(): readonly number[] {
    return this.#members.map((member) => member.failures)
  }

  /** Resolves with the first receipt once the quorum is reached; rejects with AUDIT_UNAVAILABLE when it cannot be. */
  async append(event: AuditEvent): Promise<Receipt> {
    // All sinks are asked before the first await, so each one serialises the event as it is now.
    const attempts = this.#members.map((member) => this.#try(member, event))
    return await new Promise<Receipt>((resolve, reject) => {
      const receipts: Receipt[] = []
      let open = attempts.length
      const settle = (receipt: Receipt | undefined): void => {
        open -= 1
        if (receipt !== undefined) receipts.push(receipt)
        if (receipts.length === this.#options.quorum) resolve(receipts[0]!)
        else if (receipts.length + open < this.#options.quorum) reject(unavailable())
      }
      for (const attempt of attempts) void attempt.then(settle)
    })
  }

  guard<T>(event: AuditEvent, fn: (op: string) => Promise<T> | T, describe?: (result: T) => unknown): Promise<T> {
    return guardOperation(this, event, fn, describe)
  }

  async flush(): Promise<void> {
    await Promise.all(this.#members.map((member) => withinDeadline(member.sink.flush(), this.#options.timeoutMs)))
  }

  async close(): Promise<void> {
    await Promise.all(this.#members.map((member) => withinDeadline(member.sink.close(), this.#options.timeoutMs)))
  }

  /** Never rejects: undefined stands for a record that this sink did not store. */
  async #try(member: Member, event: AuditEvent): Promise<Receipt | undefined> {
    if (performance.now() < member.openUntil) return undefined
    try {
      const receipt = await withinDeadline(member.sink.append(event), this.#options.timeoutMs)
      if (receipt !== TIMED_OUT && receipt.stored) {
        member.failuresInRow = 0
        return receipt
      }
      this.#countFailure(member)
    } catch {
      this.#countFailure(member)
    }
    return undefined
  }

  #countFailure(member: Member): void {
    member.failures += 1
    member.failuresInRow += 1
    if (member.failuresInRow < this.#options.breakAfter) return
    member.failuresInRow = 0
    member.openUntil = performance.now() + this.#options.breakMs
  }
}

function unavailable(): AirlockError {
  return new AirlockError('AUDIT_UNAVAILABLE', { phase: 'audit' })
}
