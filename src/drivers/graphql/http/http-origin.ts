import type { Socket } from 'node:net'
import type { Readable } from 'node:stream'
import { promisify } from 'node:util'
import { brotliDecompress, gunzip, inflate } from 'node:zlib'
import type { Pool } from 'undici'
import type { TlsSettings } from '../../../core/driver.js'
import { AirlockError } from '../../../errors/index.js'
import { HttpError, shownCode } from '../errors.js'
import { createPool } from '../native.js'
import { type HttpAddress, originOf } from './address.js'
import { RequestDeadline, type RequestLimits } from './request-deadline.js'
import { secured } from './sockets.js'

/** How long dialling again may take, after the server has closed an idle connection. */
const REDIAL_MS = 10_000
const ERROR_BYTES = 64 * 1024

const DECODERS = { gzip: promisify(gunzip), br: promisify(brotliDecompress), deflate: promisify(inflate) } as const

export interface HttpOriginOptions {
  readonly address: HttpAddress
  readonly tls: TlsSettings | undefined
  /** Already connected; the first request uses it. */
  readonly first?: Socket
  dial(signal: AbortSignal): Promise<Socket>
  readonly connections: number
  readonly maxBytes: number
}

export interface HttpPost {
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  readonly limits: RequestLimits
}

export interface HttpText {
  readonly text: string
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
}

/** One origin, and the sockets to it. Redirects are errors, so that what is sent reaches no other origin; an answer has
 * a greatest size, packed and unpacked. Its owner destroys it. */
export class HttpOrigin {
  readonly #pool: Pool
  readonly #maxBytes: number
  readonly #ended: AbortController
  readonly #waiting: { count: number }

  private constructor(pool: Pool, maxBytes: number, ended: AbortController, waiting: { count: number }) {
    this.#pool = pool
    this.#maxBytes = maxBytes
    this.#ended = ended
    this.#waiting = waiting
  }

  static async open(options: HttpOriginOptions): Promise<HttpOrigin> {
    const ended = new AbortController()
    const waiting = { count: 0 }
    let first = options.first
    const connect = async () => {
      // After an abort the client would connect again for nobody.
      if (waiting.count === 0) throw new AirlockError('ABORTED', { phase: 'query' })
      using deadline = new RequestDeadline({ silenceMs: REDIAL_MS }, ended.signal)
      const { signal } = deadline
      const socket = first ?? (await options.dial(signal))
      first = undefined
      return await secured(socket, options.tls, signal)
    }
    const { connections, maxBytes } = options
    const pool = await createPool(originOf(options.address), { connections, maxBytes, connect })
    return new HttpOrigin(pool, maxBytes, ended, waiting)
  }

  /** Sends a POST and gives the whole text of its answer. Rejects with HttpError for every status but 2xx, with
   * DEADLINE_EXCEEDED, RESPONSE_TOO_LARGE and PROTOCOL_ERROR, and with errors of the HTTP client. */
  async post(request: HttpPost, signal: AbortSignal): Promise<HttpText> {
    using deadline = new RequestDeadline(request.limits, signal, this.#ended.signal)
    this.#waiting.count++
    try {
      return await this.#post(request, deadline)
    } finally {
      this.#waiting.count--
    }
  }

  /** Ends everything at once; a close would wait for answers that may never come. */
  async destroy(): Promise<void> {
    this.#ended.abort(new AirlockError('SESSION_CLOSED', { phase: 'close' }))
    await this.#pool.destroy()
  }

  async #post(request: HttpPost, deadline: RequestDeadline): Promise<HttpText> {
    const answer = await this.#pool.request({
      method: 'POST',
      path: request.path,
      headers: { ...request.headers, 'accept-encoding': 'gzip, br, deflate' },
      body: request.body,
      signal: deadline.signal,
    })
    const { statusCode: status, headers, body } = answer
    deadline.heard()
    // Whoever reads it hears of its errors; one that is destroyed unread would end the process with its own.
    body.on('error', ignoreUnread)
    try {
      const encoding = headers['content-encoding']
      if (status >= 200 && status < 300) {
        const packed = await readAll(body, this.#maxBytes, deadline)
        return { text: decode(await unpack(packed, encoding, this.#maxBytes)), headers }
      }
      throw new HttpError(status, {
        retryAfter: retryAfter(headers['retry-after']),
        ...(status < 300 || status >= 400 ? await errorCode(body, encoding, deadline) : {}),
      })
    } finally {
      body.destroy()
    }
  }
}

function ignoreUnread(): void {
  // The request has failed already, or has all that it wants.
}

async function readAll(body: Readable, maxBytes: number, deadline: RequestDeadline): Promise<Buffer> {
  const parts: Buffer[] = []
  let size = 0
  for await (const chunk of body) {
    parts.push(chunk as Buffer)
    size += (chunk as Buffer).length
    deadline.heard()
    if (size > maxBytes) throw new AirlockError('RESPONSE_TOO_LARGE', { phase: 'query' })
  }
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts, size)
}

async function unpack(packed: Buffer, encoding: string | string[] | undefined, maxBytes: number): Promise<Buffer> {
  if (encoding === undefined || encoding === '' || encoding === 'identity') return packed
  const word = String(encoding).toLowerCase()
  const decoder =
    word === 'x-gzip' ? DECODERS.gzip : Object.hasOwn(DECODERS, word) ? DECODERS[word as 'gzip'] : undefined
  if (decoder === undefined) throw new AirlockError('PROTOCOL_ERROR', { phase: 'query' })
  try {
    return await decoder(packed, { maxOutputLength: maxBytes })
  } catch (error) {
    const tooLarge = error instanceof Error && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE'
    throw new AirlockError(tooLarge ? 'RESPONSE_TOO_LARGE' : 'PROTOCOL_ERROR', { phase: 'query' })
  }
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new AirlockError('PROTOCOL_ERROR', { phase: 'query' })
  }
}

/** The code of the first error, where the body is that of a GraphQL service. */
async function errorCode(
  body: Readable,
  encoding: string | string[] | undefined,
  deadline: RequestDeadline,
): Promise<{ readonly code?: string | undefined; readonly graphql: boolean }> {
  try {
    const text = decode(await unpack(await readAll(body, ERROR_BYTES, deadline), encoding, ERROR_BYTES))
    const { errors } = JSON.parse(text) as { readonly errors?: unknown }
    return { graphql: Array.isArray(errors), code: firstCode(errors) }
  } catch (error) {
    // A cut or an abort is what happened; any other text only says that no GraphQL service answered.
    if (error instanceof AirlockError || error instanceof SyntaxError || error instanceof TypeError)
      return { graphql: false }
    throw error
  }
}

/** The code of the first of `errors`, if it is one that may be shown. */
export function firstCode(errors: unknown): string | undefined {
  if (!Array.isArray(errors)) return undefined
  const [first] = errors as readonly ({
    readonly extensions?: { readonly code?: unknown }
    readonly type?: unknown
  } | null)[]
  return shownCode(first?.extensions?.code) ?? shownCode(first?.type)
}

/** Seconds to wait, from a number or a date (RFC 9110 section 10.2.3). */
function retryAfter(value: string | string[] | undefined): number | undefined {
  const text = String(value ?? '')
  if (/^\d{1,9}$/.test(text)) return Number(text)
  const date = Date.parse(text)
  return Number.isNaN(date) ? undefined : Math.max(0, (date - Date.now()) / 1000)
}
