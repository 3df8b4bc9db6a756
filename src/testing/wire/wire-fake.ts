import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import type { Conversation, WireFault } from './conversation.js'
import { HttpConversation } from './http-conversation.js'
import { MysqlConversation } from './mysql-conversation.js'
import { PostgresConversation } from './postgres-conversation.js'

export type WireProtocol = 'mysql' | 'postgres' | 'http'

const CONVERSATIONS: Readonly<Record<WireProtocol, new (fault: WireFault) => Conversation>> = {
  mysql: MysqlConversation,
  postgres: PostgresConversation,
  http: HttpConversation,
}

export interface WireCounts {
  /** Connections now, and since the start. */
  readonly open: number
  readonly connections: number
  readonly bytesReceived: number
  /** Messages that were meant to authenticate: passwords, proofs, initial responses. */
  readonly authAttempts: number
}

export interface WireFakeOptions {
  /** The address to listen on; default `127.0.0.1`. */
  readonly host?: string
  /** Default: a free one. */
  readonly port?: number
}

/** How much of what clients said is kept. */
const KEPT_BYTES = 64 * 1024

/** A TCP server of a few bytes that speaks the beginning of a database protocol, and fails where it is told to. It
 * counts what reaches it: `await WireFake.start('postgres', { kind: 'auth-stall' })`, then `host`, `port` and `counts`.
 * For failures of a connection that is up already, see `FaultProxy`. */
export class WireFake {
  readonly host: string
  readonly #server: Server
  readonly #protocol: WireProtocol
  readonly #fault: WireFault
  readonly #sockets = new Set<Socket>()
  readonly #timers = new Set<NodeJS.Timeout>()
  #received = Buffer.alloc(0)
  #connections = 0
  #bytesReceived = 0
  #authAttempts = 0
  #port = 0
  #closing: Promise<void> | undefined

  private constructor(protocol: WireProtocol, fault: WireFault, host: string) {
    this.#protocol = protocol
    this.#fault = fault
    this.host = host
    this.#server = createServer({ noDelay: true }, (socket) => this.#accept(socket))
  }

  static async start(protocol: WireProtocol, fault: WireFault, options: WireFakeOptions = {}): Promise<WireFake> {
    const fake = new WireFake(protocol, fault, options.host ?? '127.0.0.1')
    fake.#server.listen(options.port ?? 0, fake.host)
    await once(fake.#server, 'listening')
    const address = fake.#server.address()
    fake.#port = typeof address === 'object' && address !== null ? address.port : 0
    return fake
  }

  get port(): number {
    return this.#port
  }

  get counts(): WireCounts {
    return {
      open: this.#sockets.size,
      connections: this.#connections,
      bytesReceived: this.#bytesReceived,
      authAttempts: this.#authAttempts,
    }
  }

  /** Whether clients sent these bytes, within the first 64 KiB of all that they sent. */
  received(text: string): boolean {
    return this.#received.includes(text)
  }

  /** Stops listening and destroys every connection. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #close(): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer)
    const closed = [this.#server, ...this.#sockets].map((one) => once(one, 'close'))
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
    await Promise.all(closed)
  }

  #accept(socket: Socket): void {
    this.#connections++
    this.#sockets.add(socket)
    socket.once('close', () => this.#sockets.delete(socket))
    // A client that gives up may reset the connection; that is what is being tested.
    socket.on('error', () => socket.destroy())
    const conversation = new CONVERSATIONS[this.#protocol](this.#fault)
    if (conversation.opening !== undefined) this.#say(socket, conversation.opening)
    let waiting = Buffer.alloc(0)
    socket.on('data', (chunk) => {
      this.#keep(chunk)
      waiting = this.#listen(socket, conversation, Buffer.concat([waiting, chunk]))
    })
  }

  /** Answers every whole message; gives what is left. */
  #listen(socket: Socket, conversation: Conversation, bytes: Buffer): Buffer<ArrayBuffer> {
    let rest = bytes
    for (;;) {
      const length = conversation.frame(rest)
      if (length === 0 || length > rest.length) return Buffer.from(rest)
      const { reply, authenticates } = conversation.answer(rest.subarray(0, length))
      if (authenticates === true) this.#authAttempts++
      if (reply !== undefined) this.#say(socket, reply)
      rest = rest.subarray(length)
    }
  }

  #say(socket: Socket, reply: Uint8Array): void {
    if (this.#fault.kind !== 'late') {
      socket.write(reply)
      return
    }
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      if (socket.writable) socket.write(reply)
    }, this.#fault.ms)
    this.#timers.add(timer)
  }

  #keep(chunk: Buffer): void {
    this.#bytesReceived += chunk.length
    if (this.#received.length < KEPT_BYTES) this.#received = Buffer.concat([this.#received, chunk])
  }
}
