import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Behaviour, Cut, ProxyTarget } from './proxy.js'

/** What links report to their proxy. */
export interface LinkCounters {
  bytesToServer: number
  bytesToClient: number
  /** Connections that ended by a reset, from either side or by us. */
  resets: number
}

type Direction = 'toServer' | 'toClient'

/** One client connection of a proxy and, unless it stalls, its connection to the target. Owns both sockets. */
export class ProxyLink {
  readonly closed: Promise<void>
  readonly #client: Socket
  readonly #server: Socket | undefined
  readonly #behaviour: Behaviour
  readonly #counters: LinkCounters
  readonly #over = new AbortController()
  #gate: { readonly opened: Promise<void>; readonly open: () => void } | undefined
  #discarding = false

  constructor(client: Socket, target: ProxyTarget, behaviour: Behaviour, counters: LinkCounters) {
    this.#client = client
    this.#behaviour = behaviour
    this.#counters = counters
    this.closed = new Promise((resolve) => client.once('close', () => resolve()))
    client.once('close', () => this.destroy())
    client.on('error', () => this.#reset())
    if (behaviour.kind === 'stall') {
      client.once('end', () => client.end())
      client.resume() // reads, so that the end of the client is seen, and never answers
      return
    }
    this.#server = connect({ ...target, allowHalfOpen: true, noDelay: true })
    this.#server.on('error', () => this.#reset())
    void this.#pump('toServer', client, this.#server)
    void this.#pump('toClient', this.#server, client)
  }

  freeze(): void {
    if (this.#gate !== undefined) return
    let open = (): void => undefined
    const opened = new Promise<void>((resolve) => {
      open = resolve
    })
    this.#gate = { opened, open }
  }

  thaw(): void {
    this.#gate?.open()
    this.#gate = undefined
  }

  /** Ends both connections: `rst` at once, `fin` after what was already forwarded; from then on it only reads. */
  cut(how: Cut): void {
    if (how === 'rst') {
      this.#reset()
      return
    }
    this.#discarding = true
    this.#client.end()
    this.#server?.end()
  }

  destroy(): void {
    this.#over.abort()
    this.thaw()
    this.#client.destroy()
    this.#server?.destroy()
  }

  #reset(): void {
    if (this.#over.signal.aborted) return
    this.#counters.resets++
    this.#over.abort()
    this.#client.resetAndDestroy()
    this.#server?.resetAndDestroy()
  }

  async #pump(direction: Direction, from: Socket, to: Socket): Promise<void> {
    let passed = 0
    try {
      // By default the iterator destroys a socket at its end, where the other direction may still be open.
      for await (const chunk of from.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
        await this.#gate?.opened
        if (this.#discarding) continue
        const limit = this.#limit(direction)
        await this.#forward(direction, to, chunk.subarray(0, Math.max(0, limit - passed)))
        passed += chunk.length
        if (passed >= limit && this.#behaviour.kind === 'cut') this.cut(this.#behaviour.how)
      }
      await this.#gate?.opened
      to.end()
    } catch {
      this.#reset() // counted there; the sockets of a broken link have no other use
    }
  }

  /** Bytes that may pass in this direction before the link is cut. */
  #limit(direction: Direction): number {
    const behaviour = this.#behaviour
    return behaviour.kind === 'cut' && behaviour.direction === direction ? behaviour.afterBytes : Infinity
  }

  async #forward(direction: Direction, to: Socket, chunk: Buffer): Promise<void> {
    const { signal } = this.#over
    const behaviour = this.#behaviour
    if (behaviour.kind === 'delay') await sleep(behaviour.ms, undefined, { signal })
    const slice = behaviour.kind === 'throttle' ? Math.max(1, Math.ceil(behaviour.bytesPerSecond / 20)) : chunk.length
    for (let at = 0; at < chunk.length; at += slice) {
      const part = chunk.subarray(at, at + slice)
      this.#counters[direction === 'toServer' ? 'bytesToServer' : 'bytesToClient'] += part.length
      if (!to.write(part)) await once(to, 'drain', { signal })
      if (behaviour.kind === 'throttle') {
        await sleep((1000 * part.length) / behaviour.bytesPerSecond, undefined, { signal })
      }
    }
  }
}
