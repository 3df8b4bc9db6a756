import { LRUCache } from 'lru-cache'
import { AirlockError } from '../errors/index.js'
import { withinDeadline } from '../sinks/deadline.js'
import type { Closable } from './keyed-registry.js'

const CLOSE_MS = 5000

interface Held<T> {
  readonly opened: Promise<T>
  users: number
  /** No longer in the cache: whoever uses it last closes it. */
  evicted: boolean
}

/** Something that each session has one of, and that must be closed: a file, a database. The least recently used make room
 * and end after their time; one that is in use when its time comes is closed when its last user is done. */
export class SessionStores<T extends Closable> implements AsyncDisposable {
  readonly #open: (session: string) => Promise<T> | T
  readonly #held: LRUCache<string, Held<T>>
  readonly #closes = new Set<Promise<void>>()
  #failed = 0
  #closing: Promise<void> | undefined

  /** `max` stores are open at one time, apart from those in use (100); each for `ttlMs` after its last use (15 minutes). */
  constructor(
    open: (session: string) => Promise<T> | T,
    limits: { readonly max?: number; readonly ttlMs?: number } = {},
  ) {
    this.#open = open
    this.#held = new LRUCache({
      max: limits.max ?? 100,
      ttl: limits.ttlMs ?? 900_000,
      ttlAutopurge: false,
      updateAgeOnGet: true,
      dispose: (held) => this.#evict(held),
    })
  }

  /** Stores that are open for later use. */
  get size(): number {
    return this.#held.size
  }

  /** Closes that rejected. */
  get closesFailed(): number {
    return this.#failed
  }

  /** Lends the store of a session to `work`, opening it where needed; callers at the same time share it. Rejects with what
   * opening or `work` rejected with, or with RESOURCE_CLOSED. */
  async use<R>(session: string, work: (store: T) => Promise<R>): Promise<R> {
    if (this.#closing !== undefined) throw new AirlockError('RESOURCE_CLOSED', { params: { at: 'session stores' } })
    this.#held.purgeStale()
    const held = this.#held.get(session) ?? this.#start(session)
    held.users++
    try {
      return await work(await held.opened)
    } finally {
      held.users--
      if (held.evicted && held.users === 0) this.#close(held)
    }
  }

  /** Closes the store of a session now, or when its last user is done. Resolves when the closes under way have ended. */
  async end(session: string): Promise<void> {
    this.#held.delete(session)
    await this.#settled()
  }

  /** Idempotent and bounded: closes every store; those in use when their users are done. */
  close(): Promise<void> {
    this.#closing ??= this.#closeAll()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #closeAll(): Promise<void> {
    this.#held.clear()
    await withinDeadline(this.#settled(), CLOSE_MS)
  }

  async #settled(): Promise<void> {
    while (this.#closes.size > 0) await Promise.all(this.#closes)
  }

  #start(session: string): Held<T> {
    const held: Held<T> = { opened: this.#opening(session), users: 0, evicted: false }
    held.opened.then(undefined, () => {
      // Not kept: the next caller tries again.
      if (this.#held.peek(session) === held) this.#held.delete(session)
    })
    this.#held.set(session, held)
    return held
  }

  async #opening(session: string): Promise<T> {
    return await this.#open(session)
  }

  #evict(held: Held<T>): void {
    held.evicted = true
    if (held.users === 0) this.#close(held)
  }

  #close(held: Held<T>): void {
    const close = this.#closeOne(held).finally(() => this.#closes.delete(close))
    this.#closes.add(close)
  }

  async #closeOne(held: Held<T>): Promise<void> {
    const [opened] = await Promise.allSettled([held.opened])
    if (opened.status === 'rejected') return
    try {
      await opened.value.close()
    } catch {
      // Nobody waits for this close; the count says that there was one.
      this.#failed++
    }
  }
}
