import { AirlockError } from '../errors/index.js'
import { atMost } from './bounded.js'
import { abortError } from './errors-at-boundary.js'
import type { ManagedSession } from './managed-session.js'

/** How long a released session may take to forget what its last user left in it. */
const RESET_MS = 2000

export interface SessionPoolOptions {
  /** How many sessions may be open at one time, those being opened included. */
  readonly max: number
  /** How long `acquire` waits for one to be free, in milliseconds. */
  readonly acquireTimeoutMs: number
  open(signal: AbortSignal): Promise<ManagedSession>
}

/** A session on loan. */
export interface Lease {
  readonly session: ManagedSession
  /** Gives the session back. `reusable: false` after a failure: what state it left is not worth guessing, so it is closed.
   * Idempotent. */
  release(reusable: boolean): Promise<void>
}

interface Waiter {
  readonly resolve: (session: ManagedSession) => void
  readonly reject: (error: unknown) => void
}

/** A bounded set of sessions of one connection. A session is handed on only after a reset, so that no transaction, session
 * variable or temporary table of one user is seen by the next; one that cannot be reset is closed. Its owner closes it. */
export class SessionPool implements AsyncDisposable {
  #options: SessionPoolOptions
  #idle: ManagedSession[] = []
  #leased = new Set<ManagedSession>()
  #waiters = new Set<Waiter>()
  /** Open, being opened or being closed. */
  #count = 0
  #closing: Promise<void> | undefined
  #drained: (() => void) | undefined

  constructor(options: SessionPoolOptions) {
    this.#options = options
  }

  /** Sessions by what they do; for reports and tests. */
  get counts(): { readonly idle: number; readonly leased: number; readonly waiting: number } {
    return { idle: this.#idle.length, leased: this.#leased.size, waiting: this.#waiters.size }
  }

  /** A session, opened if fewer than `max` are. Throws POOL_EXHAUSTED when none becomes free in time, SESSION_CLOSED after
   * `close`, the abort's error, and what opening throws. */
  async acquire(signal: AbortSignal): Promise<Lease> {
    if (this.#closing !== undefined) throw new AirlockError('SESSION_CLOSED', { phase: 'connect' })
    if (signal.aborted) throw abortError(signal, 'connect')
    const session = this.#idle.pop() ?? (await this.#openOrWait(signal))
    // While it was being opened the pool may have been closed, and then nobody would close the session.
    if (this.#closing !== undefined) {
      await this.#discard(session)
      throw new AirlockError('SESSION_CLOSED', { phase: 'connect' })
    }
    this.#leased.add(session)
    return { session, release: (reusable) => this.#release(session, reusable) }
  }

  /** Closes the sessions that nobody uses, so that the next borrower gets a new one: after a failure the others of the same
   * server may be as dead. */
  async dropIdle(): Promise<void> {
    await Promise.all(this.#idle.splice(0).map((session) => this.#discard(session)))
  }

  /** Refuses new borrowers, waits up to `drainMs` for sessions on loan, then closes all. Idempotent and bounded. */
  close(drainMs = 0): Promise<void> {
    this.#closing ??= this.#close(drainMs)
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #openOrWait(signal: AbortSignal): Promise<ManagedSession> {
    if (this.#count >= this.#options.max) return await this.#wait(signal)
    this.#count++
    try {
      return await this.#options.open(signal)
    } catch (error) {
      this.#count--
      this.#openForWaiter()
      throw error
    }
  }

  #wait(signal: AbortSignal): Promise<ManagedSession> {
    return new Promise((resolve, reject) => {
      const leave = () => {
        clearTimeout(timer)
        signal.removeEventListener('abort', abort)
        this.#waiters.delete(waiter)
      }
      const waiter: Waiter = {
        resolve: (session) => {
          leave()
          resolve(session)
        },
        reject: (error) => {
          leave()
          reject(error)
        },
      }
      const abort = () => waiter.reject(abortError(signal, 'connect'))
      const timeout = () => waiter.reject(new AirlockError('POOL_EXHAUSTED', { phase: 'connect' }))
      const timer = setTimeout(timeout, this.#options.acquireTimeoutMs)
      signal.addEventListener('abort', abort, { once: true })
      this.#waiters.add(waiter)
    })
  }

  async #release(session: ManagedSession, reusable: boolean): Promise<void> {
    if (!this.#leased.delete(session)) return
    if (this.#leased.size === 0) this.#drained?.()
    if (!reusable || this.#closing !== undefined || !(await this.#reset(session))) {
      await this.#discard(session)
      this.#openForWaiter()
      return
    }
    const [waiter] = this.#waiters
    if (waiter !== undefined) waiter.resolve(session)
    else if (this.#closing !== undefined) await this.#discard(session)
    else this.#idle.push(session)
  }

  async #reset(session: ManagedSession): Promise<boolean> {
    const done = session.reset(AbortSignal.timeout(RESET_MS)).then(() => true)
    return (await atMost(RESET_MS, done)) === true
  }

  async #discard(session: ManagedSession): Promise<void> {
    await session.close()
    this.#count--
  }

  /** A place became free without a session to hand over: open one for whoever waits. */
  #openForWaiter(): void {
    const [waiter] = this.#waiters
    if (waiter === undefined || this.#closing !== undefined || this.#count >= this.#options.max) return
    this.#waiters.delete(waiter)
    this.#count++
    this.#options.open(new AbortController().signal).then(
      (session) => waiter.resolve(session),
      (error: unknown) => {
        this.#count--
        waiter.reject(error)
        this.#openForWaiter()
      },
    )
  }

  async #close(drainMs: number): Promise<void> {
    for (const waiter of [...this.#waiters]) waiter.reject(new AirlockError('SESSION_CLOSED', { phase: 'connect' }))
    if (this.#leased.size > 0 && drainMs > 0) {
      await atMost(
        drainMs,
        new Promise<void>((resolve) => {
          this.#drained = resolve
        }),
      )
    }
    const sessions = [...this.#idle.splice(0), ...this.#leased]
    this.#leased.clear()
    await Promise.all(sessions.map((session) => this.#discard(session)))
  }
}
