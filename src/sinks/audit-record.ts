import { createHash } from 'node:crypto'
import type { EventMaskerPort } from './event-masker-port.js'

/** What a record says about its operation: recorded before it (`intent`), after it (`ok`, `failed`), or on its own. */
export type AuditOutcome = 'intent' | 'ok' | 'failed' | 'info'

/** One event for the audit log. `type` names the kind of operation, `op` links the records of one operation, `data` is
 * any value; it is masked and serialised before `append` returns, so the caller may change it afterwards. */
export interface AuditEvent {
  readonly type: string
  readonly op?: string
  readonly outcome?: AuditOutcome
  readonly session?: string
  readonly data?: unknown
}

/** A serialised record that lacks only its place in the chain. */
export interface PendingRecord {
  readonly type: string
  /** The text between the sequence number and the digest. */
  readonly rest: string
  readonly bytes: number
}

/** A record as it stands in a segment: one JSON line with its keys in this order. */
export interface AuditRecord {
  readonly v: number
  readonly seq: number
  readonly ts: string
  readonly writer: Readonly<Record<string, string | number>>
  readonly session: string | null
  readonly type: string
  readonly op: string | null
  readonly outcome: AuditOutcome
  readonly data: unknown
  readonly h: string
}

/** What opens the digest at the end of every line; the digest covers the bytes before it. */
export const DIGEST_MARK = ',"h":"'
/** The length of `,"h":"<64 hex digits>"}`. */
export const DIGEST_LENGTH = DIGEST_MARK.length + 64 + 2

const OVERHEAD_BYTES = 1024

/** Masks and serialises events, synchronously. A value that cannot be masked or serialised, and one longer than the
 * limit, is replaced by a note of why (with size and SHA-256 of the masked text in the latter case): the record stays. */
export class RecordSerialiser {
  readonly #masker: EventMaskerPort
  readonly #writer: string
  readonly #maxLineBytes: number

  constructor(masker: EventMaskerPort, writer: Readonly<Record<string, string | number>>, maxLineBytes: number) {
    this.#masker = masker
    this.#writer = JSON.stringify(writer)
    this.#maxLineBytes = maxLineBytes
  }

  serialise(event: AuditEvent, session: string | undefined): PendingRecord {
    const type = this.#text(event.type)
    const data = this.#data(event.data)
    const op = event.op === undefined ? 'null' : JSON.stringify(this.#text(event.op))
    const inSession = session === undefined ? 'null' : JSON.stringify(this.#text(session))
    const rest =
      `,"ts":"${new Date().toISOString()}","writer":${this.#writer},"session":${inSession},` +
      `"type":${JSON.stringify(type)},"op":${op},"outcome":"${event.outcome ?? 'info'}","data":${data}`
    return { type, rest, bytes: Buffer.byteLength(rest) + DIGEST_LENGTH + 32 }
  }

  #text(text: string): string {
    try {
      const masked = this.#masker.text(text)
      return masked.length > OVERHEAD_BYTES / 8 ? masked.slice(0, OVERHEAD_BYTES / 8) : masked
    } catch {
      return '***'
    }
  }

  #data(data: unknown): string {
    let masked: unknown
    try {
      masked = this.#masker.value(data)
    } catch {
      return '{"omitted":"mask_failed"}'
    }
    const json = toJson(masked)
    if (json === undefined) return '{"omitted":"not_serialisable"}'
    const bytes = Buffer.byteLength(json)
    if (bytes + OVERHEAD_BYTES <= this.#maxLineBytes) return json
    const sha256 = createHash('sha256').update(json).digest('hex')
    return JSON.stringify({ omitted: 'too_large', bytes, sha256 })
  }
}

/** The bytes that the digest of a record covers. */
export function recordBody(format: number, seq: number, rest: string): string {
  return `{"v":${format},"seq":${seq}${rest}`
}

/** The record in one line without its newline, or undefined when the bytes are not a whole record. */
export function parseRecord(line: Uint8Array): AuditRecord | undefined {
  const parsed = parseJson(line)
  if (typeof parsed !== 'object' || parsed === null) return undefined
  const record = parsed as Partial<AuditRecord>
  const whole = Number.isSafeInteger(record.seq) && typeof record.h === 'string' && /^[0-9a-f]{64}$/.test(record.h)
  return whole && typeof record.type === 'string' ? (record as AuditRecord) : undefined
}

function parseJson(line: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(line.buffer, line.byteOffset, line.byteLength).toString('utf8'))
  } catch {
    return undefined
  }
}

/** JSON of a value, `null` for undefined; undefined when it has none. Integers beyond 2^53 become decimal text. */
export function toJson(value: unknown): string | undefined {
  try {
    return JSON.stringify(value) ?? 'null'
  } catch {
    return withBigInts(value)
  }
}

function withBigInts(value: unknown): string | undefined {
  try {
    return JSON.stringify(value, (_, v: unknown) => (typeof v === 'bigint' ? v.toString() : v)) ?? 'null'
  } catch {
    return undefined
  }
}
