import { createHash, createPrivateKey, createPublicKey, KeyObject, sign } from 'node:crypto'
import { AirlockError } from '../errors/index.js'
import type { AuditEvent } from './audit-record.js'
import { LOG_EVENTS } from './audit-segments.js'

/** A signed statement that the record `seq` of the log has digest `h` (Ed25519, RFC 8032). Kept outside the log it
 * shows when the log's end was cut off or the whole log was rewritten. */
export interface AuditAnchor {
  readonly seq: number
  readonly h: string
  /** Which key signed: the first 16 hex digits of the SHA-256 of its public key. */
  readonly key: string
  /** base64 */
  readonly sig: string
}

export interface AuditCheckpointerOptions {
  /** An Ed25519 private key, as KeyObject or PEM text. Without one there are no checkpoints. */
  readonly signingKey?: KeyObject | string | undefined
  /** Records between two checkpoints. */
  readonly every: number
  /** Receives each checkpoint after it is stored. What it throws is counted. */
  readonly onAnchor?: ((anchor: AuditAnchor) => void) | undefined
}

/** Signs the head of the log at intervals. */
export class AuditCheckpointer {
  readonly #key: KeyObject | undefined
  readonly #keyId: string
  readonly #every: number
  readonly #onAnchor: ((anchor: AuditAnchor) => void) | undefined
  #since = 0
  #forced = false
  #signed = 0
  #anchorFailures = 0
  #lastAt = 0

  constructor(options: AuditCheckpointerOptions) {
    this.#key = options.signingKey === undefined ? undefined : privateKey(options.signingKey)
    this.#keyId = this.#key === undefined ? '' : keyIdOf(createPublicKey(this.#key))
    this.#every = options.every
    this.#onAnchor = options.onAnchor
  }

  get enabled(): boolean {
    return this.#key !== undefined
  }

  get stats(): { readonly checkpoints: number; readonly anchorFailures: number } {
    return { checkpoints: this.#signed, anchorFailures: this.#anchorFailures }
  }

  /** Milliseconds since the last checkpoint, by the monotonic clock. */
  get ageMs(): number {
    return performance.now() - this.#lastAt
  }

  /** Whether records wait for a checkpoint. */
  get pending(): boolean {
    return this.#since > 0
  }

  /** Asks for a checkpoint with the next write. */
  force(): void {
    this.#forced = true
  }

  /** Whether `more` records on top of those stored since the last checkpoint make one due. */
  isDue(more: number): boolean {
    return this.enabled && (this.#forced || this.#since + more >= this.#every)
  }

  sign(seq: number, h: string): AuditAnchor {
    const sig = sign(null, anchorMessage(seq, h), this.#key!).toString('base64')
    return { seq, h, key: this.#keyId, sig }
  }

  eventOf(anchor: AuditAnchor): AuditEvent {
    return { type: LOG_EVENTS.checkpointSigned, data: anchor }
  }

  /** Records that `count` records were stored, and the checkpoint among them if there was one. */
  stored(count: number, anchor: AuditAnchor | undefined): void {
    this.#since += count
    if (anchor === undefined) return
    this.#since = 0
    this.#forced = false
    this.#signed += 1
    this.#lastAt = performance.now()
    try {
      this.#onAnchor?.(anchor)
    } catch {
      this.#anchorFailures += 1
    }
  }
}

/** The bytes that a checkpoint signs. */
export function anchorMessage(seq: number, h: string): Buffer {
  return Buffer.from(`airlock.audit.checkpoint.v1\n${seq}\n${h}\n`, 'latin1')
}

/** The name of a key in checkpoints. */
export function keyIdOf(publicKey: KeyObject): string {
  const der = publicKey.export({ type: 'spki', format: 'der' })
  return createHash('sha256').update(der).digest('hex').slice(0, 16)
}

function privateKey(key: KeyObject | string): KeyObject {
  const parsed = key instanceof KeyObject ? key : parsePem(key)
  if (parsed?.type === 'private' && parsed.asymmetricKeyType === 'ed25519') return parsed
  const params = { at: 'audit.signing_key', problem: 'an Ed25519 private key is needed' }
  throw new AirlockError('CONFIG_INVALID', { phase: 'audit', params })
}

function parsePem(pem: string): KeyObject | undefined {
  try {
    return createPrivateKey(pem)
  } catch {
    return undefined
  }
}
