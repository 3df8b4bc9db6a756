import type { IncomingMessage, ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { createGunzip } from 'node:zlib'
import { writeFrame } from './connect-frames.js'
import type { FaultInjector } from './fault-injector.js'
import type { E2BPoint, FaultAt } from './faults.js'
import { type Answer, Refusal } from './refusal.js'
import { faultyReply } from './reply-faults.js'
import type { RequestRecord } from './request-log.js'

const DEFAULT_LATE_MS = 100
const LARGEST_JSON = 16 * 1024 * 1024

/** One request and its answer. Faults of the reply and of the connection happen here, whatever the request is for. */
export class Exchange<P extends E2BPoint = E2BPoint> {
  readonly at: P
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly record: RequestRecord
  readonly url: URL
  /** How errors are told: as statuses, or as Connect's codes, for streams in their last frame. */
  readonly protocol: 'rest' | 'rpc' | 'rpc-stream'
  readonly injector: FaultInjector

  constructor(
    at: P,
    protocol: Exchange['protocol'],
    request: IncomingMessage,
    response: ServerResponse,
    record: RequestRecord,
    injector: FaultInjector,
  ) {
    this.at = at
    this.protocol = protocol
    this.request = request
    this.response = response
    this.record = record
    this.injector = injector
    this.url = urlOf(request)
  }

  header(name: string): string | undefined {
    const value = this.request.headers[name]
    return typeof value === 'string' ? value : undefined
  }

  query(name: string): string | null {
    return this.url.searchParams.get(name)
  }

  /** The body without its content encoding, recorded as it passes. */
  async *chunks(): AsyncGenerator<Buffer> {
    const isGzip = this.header('content-encoding') === 'gzip'
    const gunzip = isGzip ? createGunzip() : undefined
    this.request.once('error', (error) => gunzip?.destroy(error))
    const source = gunzip === undefined ? this.request : this.request.pipe(gunzip)
    for await (const chunk of source as AsyncIterable<Buffer>) {
      this.record.add(chunk)
      yield chunk
    }
  }

  async body(limit = LARGEST_JSON): Promise<Buffer> {
    const chunks: Buffer[] = []
    let length = 0
    for await (const chunk of this.chunks()) {
      length += chunk.length
      if (length > limit) throw Refusal.http(413, 'the body is too large')
      chunks.push(chunk)
    }
    return Buffer.concat(chunks)
  }

  /** The body as a JSON object; an empty one where there is none. */
  async json(): Promise<Readonly<Record<string, unknown>>> {
    const body = await this.body()
    if (body.length === 0) return {}
    try {
      const value: unknown = JSON.parse(body.toString())
      if (typeof value === 'object' && value !== null) return value as Record<string, unknown>
    } catch (error) {
      throw Refusal.http(400, `the body is no JSON: ${(error as Error).name}`)
    }
    throw Refusal.http(400, 'the body must be an object')
  }

  /** Answers with what `act` gives, unless a fault stands in the way. The faults of the point itself are its own. */
  async answer(act: (fault: FaultAt<P> | undefined) => Promise<Answer>, paths: readonly string[] = []): Promise<void> {
    const { sandbox } = this.record
    const fault = this.injector.take(this.at, { paths, ...(sandbox === undefined ? {} : { sandbox }) })
    if (fault !== undefined) {
      this.record.faults.push(fault.kind)
      const reply = faultyReply(fault.kind, this.protocol !== 'rest', fault.retryAfterSeconds)
      if (reply !== undefined) return await this.#reply(reply)
      if (fault.kind === 'reset') return this.reset()
      if (fault.kind === 'stall') return await this.#gone()
    }
    const answer = await act(fault)
    if (fault?.kind === 'reply-lost') return this.reset()
    if (fault?.kind === 'late') await sleep(fault.ms ?? DEFAULT_LATE_MS, undefined, { ref: false })
    await this.#reply(answer)
  }

  /** Ends the connection with a reset. */
  reset(): void {
    this.response.socket?.resetAndDestroy()
  }

  /** What an error in handling the request is answered with. */
  async fail(error: unknown): Promise<void> {
    // The client has gone, or there is no room left to tell it anything.
    if (this.response.headersSent || this.response.destroyed) {
      this.response.destroy()
      return
    }
    const { name, code = name } = error as NodeJS.ErrnoException
    const refusal = error instanceof Refusal ? error : Refusal.http(500, `the server failed: ${code}`)
    const { body } = refusal.answer
    if (this.protocol !== 'rpc-stream' || !refusal.isRpc) return await this.#reply(refusal.answer)
    this.record.status = 200
    this.response.writeHead(200, { 'content-type': 'application/connect+json' })
    this.response.end(writeFrame({ error: body }, true))
  }

  async #reply({ status, headers = {}, body, text, send }: Answer): Promise<void> {
    const { response, request } = this
    this.record.status = status
    if (send !== undefined) return await send(response)
    // What is left of the body is read, or the client would see a reset in place of the answer.
    if (!request.complete && !request.destroyed) await this.body(Number.POSITIVE_INFINITY).catch(leaveUnread)
    const type = body === undefined ? {} : { 'content-type': 'application/json' }
    response.writeHead(status, { ...type, ...headers })
    response.end(body === undefined ? (text ?? '') : JSON.stringify(body))
  }

  async #gone(): Promise<void> {
    this.request.resume()
    if (!this.response.destroyed) await new Promise((resolve) => this.response.once('close', resolve))
  }
}

/** What a request asks for; a target that is no path (RFC 9112, 3.2) asks for nothing that is served. */
export function urlOf(request: IncomingMessage): URL {
  const text = `http://localhost${request.url}`
  return new URL(URL.canParse(text) ? text : 'http://localhost/')
}

function leaveUnread(): void {
  // What is left of a body is of no interest to whoever is refused, also where it cannot be read.
}
