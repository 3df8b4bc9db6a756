import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { execute, type GraphQLError, parse, validate } from 'graphql'
import { rawJson, Shop } from './graphql-schema.js'

export type GraphqlFault =
  /** The body echoes the whole request, headers included. */
  | { readonly kind: 'status'; readonly status: number; readonly headers?: Readonly<Record<string, string>> }
  /** Status 200 and an answer of its own. */
  | { readonly kind: 'body'; readonly body: string; readonly headers?: Readonly<Record<string, string>> }
  /** Errors that echo the request, beside the data or instead of it. */
  | { readonly kind: 'errors'; readonly code?: string; readonly data?: boolean }
  /** Announces all of the answer, sends half of it and closes. */
  | { readonly kind: 'truncated' }
  | { readonly kind: 'endless' }
  /** The answer in eight parts with pauses between them. */
  | { readonly kind: 'slow'; readonly pauseMs: number }
  /** A few kilobytes that unpack to a gigabyte. */
  | { readonly kind: 'bomb' }
  | { readonly kind: 'stalled' }
  /** The head of an answer, and then nothing. */
  | { readonly kind: 'half' }
  /** Does what was asked, and closes without an answer. */
  | { readonly kind: 'lost' }

export interface SeenRequest {
  readonly method: string
  readonly path: string
  readonly headers: IncomingMessage['headers']
  readonly body: string
  readonly query: string
  readonly variables: Readonly<Record<string, unknown>>
}

/** A real GraphQL service for tests, with a token endpoint and with faults on demand. */
export class GraphqlServer {
  readonly shop = new Shop()
  /** Those of the endpoint. */
  readonly requests: SeenRequest[] = []
  readonly tokenRequests: SeenRequest[] = []
  /** Looked at for each request; `count` begins at 1. */
  fault: ((request: SeenRequest, count: number) => GraphqlFault | undefined) | undefined
  /** Whether a request may pass; everyone may where it is not set. */
  allows: ((headers: IncomingMessage['headers']) => boolean) | undefined
  /** The answer of the token endpoint. */
  token: (() => object) | undefined
  introspection = true
  gzip = false
  /** How long each answer takes. */
  delayMs = 0
  /** Goes into every answer. */
  extensions: (() => object) | undefined
  /** Requests that are being answered at one time, at most. */
  mostAtOnce = 0
  #atOnce = 0
  readonly #server: Server
  readonly #secure: boolean
  readonly #sockets = new Set<Socket>()

  private constructor(server: Server, secure: boolean) {
    this.#server = server
    this.#secure = secure
  }

  static async start(tls?: { readonly cert: string; readonly key: string }): Promise<GraphqlServer> {
    const server = (tls === undefined ? createServer() : createTlsServer({ ...tls })) as Server
    const started = new GraphqlServer(server, tls !== undefined)
    server.on('connection', (socket) => {
      started.#sockets.add(socket)
      socket.on('close', () => started.#sockets.delete(socket))
    })
    server.on('request', (request, response) => {
      // A client that goes away in the middle of its request has been told nothing and gets nothing.
      started.#answer(request, response).catch(() => response.destroy())
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return started
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  get url(): string {
    return `${this.#secure ? 'https' : 'http'}://127.0.0.1:${this.port}/graphql`
  }

  get sockets(): number {
    return this.#sockets.size
  }

  /** As it was when it started. */
  reset(): void {
    this.requests.length = 0
    this.tokenRequests.length = 0
    this.fault = undefined
    this.allows = undefined
    this.token = undefined
    this.introspection = true
    this.gzip = false
    this.delayMs = 0
    this.extensions = undefined
    this.mostAtOnce = 0
    this.shop.written.length = 0
    this.shop.refused.clear()
    this.shop.set({ orders: 25, people: 25, lines: 0, notes: 0, everything: [] })
  }

  /** Cuts every connection, as a server that dies. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections()
    this.#server.close()
    await once(this.#server, 'close')
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const parts: Buffer[] = []
    for await (const part of request) parts.push(part as Buffer)
    const body = Buffer.concat(parts).toString()
    const seen = seenRequest(request, body)
    if (seen.path === '/token') {
      this.tokenRequests.push(seen)
      const answer = this.token?.()
      send(response, answer === undefined ? 401 : 200, {}, JSON.stringify(answer ?? { error: body }))
      return
    }
    this.requests.push(seen)
    this.mostAtOnce = Math.max(this.mostAtOnce, ++this.#atOnce)
    response.on('close', () => this.#atOnce--)
    if (this.allows?.(seen.headers) === false) {
      send(response, 401, { 'set-cookie': `s=${seen.headers.authorization}` }, echo(seen))
      return
    }
    const fault = this.fault?.(seen, this.requests.length)
    if (fault !== undefined && this.#failAtOnce(fault, seen, response)) return
    if (this.delayMs > 0) await sleep(this.delayMs)
    const answer = await this.#run(seen)
    if (fault?.kind === 'lost') return void response.destroy()
    if (fault?.kind === 'errors') {
      const error = { message: echo(seen), extensions: { code: fault.code ?? 'INTERNAL_SERVER_ERROR', stack: body } }
      const data = fault.data === true ? (answer['data'] as object) : null
      send(response, 200, {}, rawJson({ data, errors: [error] }))
      return
    }
    const extensions = this.extensions?.()
    const text = rawJson(extensions === undefined ? answer : { ...answer, extensions })
    const status = answer['data'] === undefined ? 400 : 200
    if (fault?.kind === 'slow') {
      response.writeHead(status, { 'content-type': 'application/json' })
      const part = Math.ceil(text.length / 8)
      for (let start = 0; start < text.length; start += part) {
        response.write(text.slice(start, start + part))
        await sleep(fault.pauseMs)
      }
      response.end()
    } else if (fault?.kind === 'truncated') {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) })
      response.write(text.slice(0, text.length / 2), () => response.destroy())
    } else if (this.gzip) send(response, status, { 'content-encoding': 'gzip' }, gzipSync(text))
    else send(response, status, {}, text)
  }

  /** Whether the fault needs no answer of the schema. */
  #failAtOnce(fault: GraphqlFault, seen: SeenRequest, response: ServerResponse): boolean {
    switch (fault.kind) {
      case 'status':
        send(response, fault.status, { 'set-cookie': 'c=1', ...fault.headers }, echo(seen))
        return true
      case 'body':
        send(response, 200, fault.headers ?? {}, fault.body)
        return true
      case 'stalled':
        return true
      case 'half':
        response.writeHead(200, { 'content-type': 'application/json' })
        response.write('{"data":{"orders":')
        return true
      case 'bomb':
        send(response, 200, { 'content-encoding': 'gzip' }, BOMB)
        return true
      case 'endless':
        endless(response)
        return true
      default:
        return false
    }
  }

  async #run({ query, variables }: SeenRequest): Promise<Readonly<Record<string, unknown>>> {
    const refuse = (errors: readonly GraphQLError[], code: string) => ({
      errors: errors.map((error) => ({ message: error.message, extensions: { code } })),
    })
    if (!this.introspection && query.includes('__schema')) {
      return { errors: [{ message: 'no introspection', extensions: { code: 'GRAPHQL_VALIDATION_FAILED' } }] }
    }
    const document = parse(query)
    const problems = validate(this.shop.schema, document)
    if (problems.length > 0) return refuse(problems, 'GRAPHQL_VALIDATION_FAILED')
    const { schema, root: rootValue } = this.shop
    const result = await execute({ schema, document, rootValue, variableValues: variables })
    if (result.data === undefined) return refuse(result.errors ?? [], 'BAD_USER_INPUT')
    return { ...result, ...(result.errors === undefined ? {} : { errors: result.errors.map((one) => one.toJSON()) }) }
  }
}

const BOMB = gzipSync(Buffer.concat([Buffer.from('{"data":"'), Buffer.alloc(200 * 1024 * 1024, 0x61)]))

function seenRequest(request: IncomingMessage, body: string): SeenRequest {
  const { method = '', url: path = '', headers } = request
  const isJson = headers['content-type'] === 'application/json'
  const { query = '', variables = {} } = (isJson ? JSON.parse(body) : {}) as Partial<SeenRequest>
  return { method, path, headers, body, query, variables }
}

/** Everything that a careless server could repeat. */
function echo({ headers, body }: SeenRequest): string {
  return JSON.stringify({ errors: [{ message: body, extensions: { code: body } }], headers })
}

function send(
  response: ServerResponse,
  status: number,
  headers: Readonly<Record<string, string>>,
  body: string | Buffer,
): void {
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    ...headers,
  })
  response.end(body)
}

function endless(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'application/json' })
  const chunk = Buffer.alloc(256 * 1024, 0x20)
  const more = () => {
    while (!response.destroyed && response.write(chunk));
  }
  response.on('drain', more)
  more()
}
