import type { Socket } from 'node:net'
import type { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import type { Client } from 'undici'
import type { OpenContext } from '../../../core/driver.js'
import { silenceLimit } from '../../../core/operation.js'
import { serverNameIndication } from '../../../core/tls.js'
import { AirlockError } from '../../../errors/index.js'
import { invalid, type RestAddress, restAddress, type SupabaseRestConfig } from './config.js'
import { isTransient, RestError } from './errors.js'

/** How long an answer may take to begin, and how long it may pause. */
const ANSWER_MS = 60_000
/** How long dialling again may take, after the server has closed an idle connection. */
const REDIAL_MS = 10_000
const TRIES = 4
const MAX_WAIT_MS = 30_000
const ERROR_BYTES = 64 * 1024

/** One request. */
export interface RestRequest {
  readonly method: 'GET' | 'HEAD' | 'POST'
  /** Path and query below the address of the API, percent-encoded. */
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: Uint8Array | Readable
  /** Sent again after an answer that says "later"; only for what may be done twice. */
  readonly repeatable: boolean
}

export interface RestAnswer {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: Readable
}

/** HTTP/1.1 to one origin over one socket at a time, the first of which is the attempt's. Every request carries the key;
 * redirects are errors, so that it reaches no other origin. The session destroys it. */
export class RestClient {
  readonly #client: Client
  readonly #base: string
  readonly #key: Record<string, string>

  private constructor(client: Client, address: RestAddress, key: string) {
    this.#client = client
    this.#base = address.base
    this.#key = { apikey: key, authorization: `Bearer ${key}` }
  }

  /** Throws CONFIG_INVALID for a key that no header can hold, and for a scheme that the TLS settings contradict. */
  static async open(config: SupabaseRestConfig, context: OpenContext): Promise<RestClient> {
    const address = restAddress(config)
    const key = config.key.reveal()
    if (!/^[\x21-\x7e]+$/.test(key)) throw invalid('key', 'it holds a blank, a line break or a character beyond ASCII')
    if (address.secure !== (context.tls !== undefined)) {
      throw invalid('rest_url', 'https needs TLS, and http is only for loopback or `tls: {mode: disable}`')
    }
    const silenceMs = Math.min(ANSWER_MS, silenceLimit(config) ?? ANSWER_MS)
    const { Client } = await import('undici')
    let first: Socket | undefined = context.socket
    const client = new Client(originOf(address), {
      pipelining: 1,
      headersTimeout: silenceMs,
      bodyTimeout: silenceMs,
      maxResponseSize: config.max_response_bytes,
      connect: (_, callback) => {
        const given = first
        first = undefined
        const socket = given ?? context.dialAgain(AbortSignal.timeout(REDIAL_MS))
        Promise.resolve(socket)
          .then((plain) => secured(plain, context))
          .then(
            (ready) => callback(null, ready),
            (error: Error) => callback(error, null),
          )
      },
    })
    return new RestClient(client, address, key)
  }

  /** Sends a request and gives its answer when its head is there; the body has to be read or destroyed. Rejects with
   * RestError for every status but 2xx. */
  async send(request: RestRequest, signal: AbortSignal): Promise<RestAnswer> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#once(request, signal)
      } catch (error) {
        if (!request.repeatable || attempt === TRIES || !isTransient(error) || signal.aborted) throw error
        await sleep(waitMs(error, attempt), undefined, { signal })
      }
    }
  }

  /** Sends a request whose answer is small, and gives that. */
  async text(
    request: RestRequest,
    signal: AbortSignal,
  ): Promise<{ readonly text: string; readonly answer: RestAnswer }> {
    const answer = await this.send(request, signal)
    const parts: Buffer[] = []
    for await (const chunk of answer.body) parts.push(chunk as Buffer)
    return { text: Buffer.concat(parts).toString('utf8'), answer }
  }

  /** Ends everything at once; a close would wait for answers that may never come. */
  async destroy(): Promise<void> {
    await this.#client.destroy()
  }

  async #once({ method, path, headers, body }: RestRequest, signal: AbortSignal): Promise<RestAnswer> {
    const answer = await this.#client.request({
      method,
      path: `${this.#base}${path}`,
      headers: { ...headers, ...this.#key },
      body: body ?? null,
      // undici would close the connection after each HEAD.
      reset: false,
      signal,
    })
    const { statusCode: status } = answer
    if (status >= 200 && status < 300) {
      if (method !== 'HEAD' && status !== 201 && !isFramed(answer.headers)) {
        answer.body.destroy()
        throw new AirlockError('PROTOCOL_ERROR', { phase: 'query' })
      }
      return { headers: answer.headers, body: answer.body }
    }
    throw new RestError(status, await errorCode(answer.body), String(answer.headers['retry-after'] ?? ''))
  }
}

/** Whether the end of the body can be told from a cut. */
function isFramed(headers: RestAnswer['headers']): boolean {
  return headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined
}

/** The `code` of PostgREST's error object, if it is one of those that may be shown. */
async function errorCode(body: Readable): Promise<string | undefined> {
  const parts: Buffer[] = []
  let size = 0
  try {
    for await (const chunk of body) {
      parts.push(chunk as Buffer)
      size += (chunk as Buffer).length
      if (size > ERROR_BYTES) break
    }
    const { code } = JSON.parse(Buffer.concat(parts).toString('utf8')) as { readonly code?: unknown }
    return typeof code === 'string' && /^(?:[0-9A-Z]{5}|PGRST[0-9X]\d{2})$/.test(code) ? code : undefined
  } catch {
    return undefined // whoever answered is no PostgREST; the status says what there is to say
  } finally {
    body.destroy()
  }
}

function waitMs(error: unknown, attempt: number): number {
  const given = error instanceof RestError ? error.retryAfter : undefined
  return Math.min(given === undefined ? 200 * 2 ** attempt : given * 1000, MAX_WAIT_MS)
}

function originOf({ secure, host, port }: RestAddress): string {
  return `${secure ? 'https' : 'http'}://${host.includes(':') ? `[${host}]` : host}:${port}`
}

/** The socket under TLS, where the connection uses it. */
async function secured(socket: Socket, { tls }: OpenContext): Promise<Socket | TLSSocket> {
  if (tls === undefined) return socket
  const servername = serverNameIndication(tls)
  const secure = connectTls({
    socket,
    ...tls.options,
    ALPNProtocols: ['http/1.1'],
    ...(servername === undefined ? {} : { servername }),
  })
  return await new Promise((resolve, reject) => {
    const fail = (error: Error) => {
      socket.destroy()
      reject(error)
    }
    secure.once('error', fail)
    secure.once('close', () => reject(Object.assign(new Error('closed'), { code: 'ECONNRESET' })))
    secure.once('secureConnect', () => {
      secure.off('error', fail)
      resolve(secure)
    })
  })
}
