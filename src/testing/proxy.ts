import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { type LinkCounters, ProxyLink } from './proxy-link.js'

export interface ProxyTarget {
  readonly host: string
  readonly port: number
}

/** How a connection is ended: with a reset, or with an orderly FIN. */
export type Cut = 'rst' | 'fin'

/** What the proxy does to the connections that it accepts from now on. */
export type Behaviour =
  | { readonly kind: 'forward' }
  /** Accepts and never answers; the target is not contacted. */
  | { readonly kind: 'stall' }
  /** Does not listen: the kernel refuses. */
  | { readonly kind: 'refuse' }
  /** Forwards exactly so many bytes in one direction, then cuts. */
  | {
      readonly kind: 'cut'
      readonly direction: 'toServer' | 'toClient'
      readonly afterBytes: number
      readonly how: Cut
    }
  /** Bytes per second, for each direction of each connection. */
  | { readonly kind: 'throttle'; readonly bytesPerSecond: number }
  /** Holds every chunk back for so many milliseconds. */
  | { readonly kind: 'delay'; readonly ms: number }

export interface ProxyCounts extends Readonly<LinkCounters> {
  /** Client connections now, and since the start. */
  readonly open: number
  readonly total: number
}

/** A TCP proxy that injects faults below the client library, whatever the protocol. `await FaultProxy.start(target)`
 * listens on a free port of the loopback address; give `host` and `port` to the client in place of the target's. */
export class FaultProxy {
  readonly host: string
  readonly #target: ProxyTarget
  readonly #links = new Set<ProxyLink>()
  readonly #counters: LinkCounters = { bytesToServer: 0, bytesToClient: 0, resets: 0 }
  #listener: Server | undefined
  #port = 0
  #behaviour: Behaviour
  #frozen = false
  #total = 0
  #closing: Promise<void> | undefined

  private constructor(target: ProxyTarget, host: string, behaviour: Behaviour) {
    this.#target = { host: target.host, port: target.port }
    this.host = host
    this.#behaviour = behaviour
  }

  /** `host` is the loopback address to listen on, `127.0.0.1` or `::1`. */
  static async start(
    target: ProxyTarget,
    behaviour: Behaviour = { kind: 'forward' },
    host = '127.0.0.1',
  ): Promise<FaultProxy> {
    const proxy = new FaultProxy(target, host, behaviour)
    await proxy.#listen()
    if (behaviour.kind === 'refuse') proxy.#unlisten()
    return proxy
  }

  get port(): number {
    return this.#port
  }

  get counts(): ProxyCounts {
    return { ...this.#counters, open: this.#links.size, total: this.#total }
  }

  /** Changes what happens to connections accepted from now on; those that are open go on as they began. */
  async behave(behaviour: Behaviour): Promise<void> {
    this.#behaviour = behaviour
    if (behaviour.kind === 'refuse') this.#unlisten()
    else if (this.#listener === undefined) await this.#listen()
  }

  /** Stops forwarding in both directions, also for connections to come; all sockets stay open. */
  freeze(): void {
    this.#frozen = true
    for (const link of this.#links) link.freeze()
  }

  /** Ends a freeze: what was held back is forwarded. */
  thaw(): void {
    this.#frozen = false
    for (const link of this.#links) link.thaw()
  }

  /** Ends all open connections, on both sides. */
  cut(how: Cut): void {
    for (const link of this.#links) link.cut(how)
  }

  /** Stops listening and destroys every socket. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #close(): Promise<void> {
    this.#unlisten()
    const links = [...this.#links]
    for (const link of links) link.destroy()
    await Promise.all(links.map((link) => link.closed))
  }

  async #listen(): Promise<void> {
    const listener = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => this.#accept(socket))
    listener.listen(this.#port, this.host)
    await once(listener, 'listening')
    const address = listener.address()
    this.#port = typeof address === 'object' && address !== null ? address.port : 0
    this.#listener = listener
  }

  #unlisten(): void {
    this.#listener?.close() // frees the port at once; open connections stay
    this.#listener = undefined
  }

  #accept(socket: Socket): void {
    this.#total++
    const link = new ProxyLink(socket, this.#target, this.#behaviour, this.#counters)
    if (this.#frozen) link.freeze()
    this.#links.add(link)
    void link.closed.then(() => this.#links.delete(link))
  }
}
