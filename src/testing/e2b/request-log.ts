import type { IncomingMessage } from 'node:http'
import type { E2BPoint } from './faults.js'

/** One request as it came over the wire. */
export interface E2BRequest {
  /** `other`: a path that this server does not serve. */
  readonly at: E2BPoint | 'other'
  readonly method: string
  /** With its query. */
  readonly path: string
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
  /** The sandbox that it named. */
  readonly sandbox: string | undefined
  /** The first bytes of the body, as many as are kept; a body under `Content-Encoding: gzip` without it. */
  readonly body: Buffer
  /** Bytes of the whole body, counted as in `body`. */
  readonly bodyLength: number
  /** What it was answered with; undefined while it is not, and where the connection was cut instead. */
  readonly status: number | undefined
  /** Kinds of the faults that happened to it. */
  readonly faults: readonly string[]
}

/** A request while it is read and answered. */
export class RequestRecord implements E2BRequest {
  readonly at: E2BPoint | 'other'
  readonly method: string
  readonly path: string
  readonly headers: E2BRequest['headers']
  readonly faults: string[] = []
  sandbox: string | undefined
  status: number | undefined
  readonly #keep: number
  readonly #kept: Buffer[] = []
  #keptLength = 0
  #length = 0

  constructor(at: E2BPoint | 'other', request: IncomingMessage, keep: number) {
    this.at = at
    this.method = request.method ?? ''
    this.path = request.url ?? ''
    this.headers = { ...request.headers }
    const named = request.headers['e2b-sandbox-id']
    this.sandbox = typeof named === 'string' ? named : undefined
    this.#keep = keep
  }

  get body(): Buffer {
    return Buffer.concat(this.#kept)
  }

  get bodyLength(): number {
    return this.#length
  }

  add(chunk: Buffer): void {
    this.#length += chunk.length
    const room = this.#keep - this.#keptLength
    if (room <= 0) return
    this.#kept.push(Buffer.from(chunk.subarray(0, room)))
    this.#keptLength += Math.min(room, chunk.length)
  }
}
