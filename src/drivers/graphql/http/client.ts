import { setTimeout as sleep } from 'node:timers/promises'
import type { OpenContext } from '../../../core/driver.js'
import { AirlockError } from '../../../errors/index.js'
import type { GraphqlConfig } from '../config.js'
import { GraphqlErrors, HttpError, isThrottled, isTransient } from '../errors.js'
import { createClient, type RawVariables } from '../native.js'
import { type ExactJson, type ExactObject, exactText, parseExact } from '../read/exact-json.js'
import { originOf, parseAddress } from './address.js'
import { Authenticator } from './auth.js'
import { firstCode, HttpOrigin, type HttpText } from './http-origin.js'
import { Pace } from './pace.js'
import type { RequestLimits } from './request-deadline.js'
import { dialHost, tlsFor } from './sockets.js'

/** How long a service may say nothing where `statement_timeout_ms` sets no bound. */
const SILENCE_MS = 60_000
const TRIES = 5
/** Sockets to the endpoint at one time, beside the session's first one. */
export const MAX_CONNECTIONS = 16

export interface GraphqlRequest {
  readonly document: string
  /** JSON text of an object. */
  readonly variables?: string
  /** Sent again after a lost answer or "not now"; only for what may be done twice. */
  readonly repeatable: boolean
  /** Gives an answer that has both `errors` and `data`. */
  readonly partial?: boolean
  readonly headers?: Readonly<Record<string, string>>
  /** May go beside others, over the sockets of `widen`. */
  readonly wide?: boolean
}

export interface GraphqlAnswer {
  readonly data: ExactObject
  /** Whether `errors` came with it. */
  readonly incomplete: boolean
}

/** An answer of the client library, as `parse` below makes it. */
interface Parsed {
  readonly data?: ExactJson | null
  readonly errors?: readonly unknown[]
  readonly extensions?: unknown
}

/** Sockets, and the client that speaks over them. */
interface Channel {
  readonly origin: HttpOrigin
  readonly client: Awaited<ReturnType<typeof createClient>>
}

/** Sends GraphQL requests to one endpoint by POST, with the credential, at the pace that the server bears. Owns all
 * sockets, those to the token endpoint included; the session destroys it. */
export class GraphqlTransport {
  /** One socket, the attempt's first: reading is one request after the other. */
  readonly #narrow: HttpOrigin
  #channel: Promise<Channel> | undefined
  #wide: Promise<Channel> | undefined
  readonly #open: (connections: number) => Promise<HttpOrigin>
  readonly #tokens: HttpOrigin | undefined
  readonly #auth: Authenticator
  readonly #pace: Pace
  readonly #config: GraphqlConfig
  readonly #path: string

  private constructor(parts: {
    readonly endpoint: HttpOrigin
    readonly open: (connections: number) => Promise<HttpOrigin>
    readonly tokens: HttpOrigin | undefined
    readonly auth: Authenticator
    readonly config: GraphqlConfig
    readonly path: string
  }) {
    this.#narrow = parts.endpoint
    this.#open = parts.open
    this.#tokens = parts.tokens
    this.#auth = parts.auth
    this.#config = parts.config
    this.#path = parts.path
    const { requests_per_second: requestsPerSecond, max_wait_ms: maxWaitMs } = parts.config
    this.#pace = new Pace({ requestsPerSecond, maxWaitMs })
  }

  /** Nothing is sent yet. Throws CONFIG_INVALID for settings that no request could be sent with. */
  static async open(config: GraphqlConfig, context: OpenContext): Promise<GraphqlTransport> {
    const address = parseAddress(config.endpoint)!
    tlsFor(address, config.tls, 'endpoint')
    const { auth, max_response_bytes: maxBytes } = config
    const tokenAddress = auth?.type === 'oauth2' ? parseAddress(auth.token_url) : undefined
    const tokenTls = tokenAddress && tlsFor(tokenAddress, config.tls, 'auth.token_url')
    let tokens: HttpOrigin | undefined
    const authenticator = new Authenticator(auth, async (headers, body) => {
      const request = { path: tokenAddress!.path, headers, body, limits: limitsOf(config) }
      return (await (tokens ?? endpoint).post(request, new AbortController().signal)).text
    })
    const dialAgain = (signal: AbortSignal) => context.dialAgain(signal)
    const common = { address, tls: context.tls, dial: dialAgain, maxBytes }
    const endpoint = await HttpOrigin.open({ ...common, first: context.socket, connections: 1 })
    const open = (connections: number) => HttpOrigin.open({ ...common, connections })
    if (tokenAddress !== undefined && originOf(tokenAddress) !== originOf(address)) {
      const dial = (signal: AbortSignal) => dialHost(tokenAddress, signal, context.lookup)
      tokens = await HttpOrigin.open({ address: tokenAddress, tls: tokenTls, dial, connections: 1, maxBytes: 1 << 20 })
    }
    return new GraphqlTransport({ endpoint, open, tokens, auth: authenticator, config, path: address.path })
  }

  /** The answer to one request, sent again where that is due. Rejects with GraphqlErrors for an answer with `errors`,
   * unless it has `data` too and `partial` is set. */
  async execute(request: GraphqlRequest, signal: AbortSignal): Promise<GraphqlAnswer> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#once(request, signal)
      } catch (error) {
        if (signal.aborted || attempt === TRIES) throw error
        // Of a request that was refused for now nothing was done.
        const again = isThrottled(error) || (request.repeatable && isTransient(error))
        const wait = again ? waitMs(error, attempt) : 0
        if (!again || wait > this.#config.max_wait_ms) throw error
        if (isThrottled(error)) this.#pace.hold(wait)
        else await sleep(wait, undefined, { signal })
      }
    }
  }

  /** Lets requests that are `wide` go over so many sockets of their own. */
  async widen(connections: number): Promise<void> {
    await this.#narrowAgain()
    this.#wide = this.#open(Math.min(connections, MAX_CONNECTIONS)).then((origin) => this.#channelOf(origin))
    await this.#wide
  }

  async destroy(): Promise<void> {
    await Promise.all([this.#narrow.destroy(), this.#tokens?.destroy(), this.#narrowAgain()])
  }

  async #narrowAgain(): Promise<void> {
    const wide = this.#wide
    this.#wide = undefined
    await (await wide)?.origin.destroy()
  }

  async #channelOf(origin: HttpOrigin): Promise<Channel> {
    const client = await createClient((body, headers, signal) => this.#send(origin, body, headers, signal), readAnswer)
    return { origin, client }
  }

  async #once(request: GraphqlRequest, signal: AbortSignal): Promise<GraphqlAnswer> {
    this.#channel ??= this.#channelOf(this.#narrow)
    const { client } = await ((request.wide === true ? this.#wide : undefined) ?? this.#channel)
    const options = {
      query: request.document,
      variables: { json: request.variables ?? '{}' } satisfies RawVariables,
      requestHeaders: request.headers ?? {},
      signal,
    }
    const { data, errors, extensions } = (await client.rawRequest(options)) as Parsed
    this.#pace.observe({}, extensions)
    const complete = errors === undefined || errors.length === 0
    if (data == null || data.kind !== 'object') {
      if (!complete) throw new GraphqlErrors(firstCode(errors), false)
      throw new AirlockError('PROTOCOL_ERROR', { phase: 'query' })
    }
    if (!complete && request.partial !== true) throw new GraphqlErrors(firstCode(errors), true)
    return { data, incomplete: !complete }
  }

  /** One POST; after a refused token of OAuth a second one, with a new token. */
  async #send(origin: HttpOrigin, body: string, given: Headers, signal: AbortSignal): Promise<string> {
    for (let renewed = false; ; renewed = true) {
      await this.#pace.turn(signal)
      const credential = await this.#auth.headers(signal)
      const headers = {
        ...this.#config.headers,
        ...Object.fromEntries(given),
        accept: 'application/graphql-response+json, application/json',
        'content-type': 'application/json',
        ...credential,
      }
      const request = { path: this.#path, headers, body, limits: limitsOf(this.#config) }
      try {
        const answer = await origin.post(request, signal)
        this.#pace.observe(answer.headers, undefined)
        return jsonText(answer)
      } catch (error) {
        const refused = error instanceof HttpError && error.status === 401
        if (!refused || renewed || !this.#auth.refused(credential)) throw error
      }
    }
  }
}

function limitsOf({ statement_timeout_ms: total = 0, silence_timeout_ms: silence }: GraphqlConfig): RequestLimits {
  const bounds = [silence, total === 0 ? SILENCE_MS : total].filter((ms) => ms > 0)
  return { silenceMs: Math.min(...bounds), totalMs: total === 0 ? undefined : total }
}

/** Only JSON; anything else is a page for people, made by something in between. */
function jsonText({ headers, text }: HttpText): string {
  if (/^application\/(?:[\w.-]+\+)?json\b/i.test(String(headers['content-type'] ?? ''))) return text
  throw new AirlockError('PROTOCOL_ERROR', { phase: 'query' })
}

/** What the client library takes for an answer: `data` as exact JSON, the rest as plain values. */
function readAnswer(text: string): Parsed {
  const answer = parseExact(text)
  if (answer.kind !== 'object') throw new AirlockError('PROTOCOL_ERROR', { phase: 'query' })
  const data = answer.fields.get('data')
  const errors = answer.fields.get('errors')
  const extensions = answer.fields.get('extensions')
  return {
    data: data === undefined || data.kind === 'null' ? null : data,
    ...(errors?.kind === 'list' ? { errors: JSON.parse(exactText(errors)) as unknown[] } : {}),
    ...(errors !== undefined && errors.kind !== 'list' && errors.kind !== 'null' ? { errors: [{}] } : {}),
    ...(extensions?.kind === 'object' ? { extensions: JSON.parse(exactText(extensions)) as unknown } : {}),
  }
}

function waitMs(error: unknown, attempt: number): number {
  const given = error instanceof HttpError ? error.retryAfter : undefined
  return given === undefined ? 250 * 2 ** attempt * (0.5 + Math.random() / 2) : given * 1000
}
