import type { ManagedSession } from '../core/managed-session.js'

/** The two sessions of a run, opened when a stream needs them and shared by the streams that follow. After a failed
 * stream both are dropped: what state a failure left them in is not worth guessing. */
export class SessionPair implements AsyncDisposable {
  #open: (side: 'source' | 'target') => Promise<ManagedSession>
  #sessions: readonly [source: ManagedSession, target: ManagedSession] | undefined

  constructor(open: (side: 'source' | 'target') => Promise<ManagedSession>) {
    this.#open = open
  }

  /** Both sessions; they are opened at the same time. Where one cannot be opened, the other is closed again. */
  async both(): Promise<readonly [source: ManagedSession, target: ManagedSession]> {
    if (this.#sessions !== undefined) return this.#sessions
    const [source, target] = await Promise.allSettled([this.#open('source'), this.#open('target')])
    if (source.status === 'fulfilled' && target.status === 'fulfilled') {
      this.#sessions = [source.value, target.value]
      return this.#sessions
    }
    for (const opened of [source, target]) if (opened.status === 'fulfilled') await opened.value.close()
    throw source.status === 'rejected' ? source.reason : (target as PromiseRejectedResult).reason
  }

  /** Closes both; the next stream opens new ones. */
  async drop(): Promise<void> {
    const sessions = this.#sessions ?? []
    this.#sessions = undefined
    await Promise.all(sessions.map((session) => session.close()))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.drop()
  }
}
