import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { writeFrame } from './connect-frames.js'
import type { EndEvent, OutputKind } from './guest-process.js'

const DEFAULT_KEEPALIVE_SECONDS = 90

/** The events of one command on their way to one client: a server stream of Connect with JSON. */
export class OutputStream {
  /** Settled when the connection is gone or the stream has ended, whoever ended it. */
  readonly closed: Promise<void>
  readonly #response: ServerResponse
  readonly #keepalive: NodeJS.Timeout
  #isCut = false

  /** `keepaliveSeconds`: of the header `Keepalive-Ping-Interval`. */
  constructor(response: ServerResponse, keepaliveSeconds: number) {
    this.#response = response
    this.closed = response.destroyed ? Promise.resolve() : new Promise((resolve) => response.once('close', resolve))
    const seconds = keepaliveSeconds > 0 ? keepaliveSeconds : DEFAULT_KEEPALIVE_SECONDS
    this.#keepalive = setInterval(() => void this.#send({ keepalive: {} }), seconds * 1000).unref()
    void this.closed.then(() => clearInterval(this.#keepalive))
    response.writeHead(200, { 'content-type': 'application/connect+json' })
  }

  get isOpen(): boolean {
    return !this.#isCut && !this.#response.destroyed && !this.#response.writableEnded
  }

  start(pid: number): Promise<void> {
    return this.#send({ start: { pid } })
  }

  data(kind: OutputKind, chunk: Buffer): Promise<void> {
    this.#keepalive.refresh()
    return this.#send({ data: { [kind]: chunk.toString('base64') } })
  }

  end(event: EndEvent): Promise<void> {
    return this.#send({ end: event })
  }

  /** Ends in the way of the protocol: with nothing, or with an error. */
  finish(error?: { readonly code: string; readonly message: string }): void {
    if (this.isOpen) this.#response.end(writeFrame(error === undefined ? {} : { error }, true))
  }

  /** Ends the connection in the middle, once what was written is out. */
  cut(): void {
    this.#isCut = true
    this.#response.socket?.destroySoon()
  }

  /** Settled when the connection can take more, or is gone. */
  async #send(event: object): Promise<void> {
    if (!this.isOpen || this.#response.write(writeFrame({ event }))) return
    const over = new AbortController()
    const drained = once(this.#response, 'drain', { signal: over.signal })
    await Promise.race([drained.catch(ignoreAbort), this.closed])
    over.abort()
  }
}

/** The wait for `drain` is given up when the connection is gone, which `closed` tells. */
function ignoreAbort(error: Error): void {
  if (error.name !== 'AbortError') throw error
}
