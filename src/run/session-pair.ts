import type { ManagedSession } from '../core/managed-session.js'

/** The two sessions of a run, opened when a stream needs them and shared by the streams that follow. After a failed
 * stream both are dropped: what state a failure left them in is not worth guessing. */
export class SessionPair implements AsyncDisposable {
  #open: (side: 'source' | 'target') => Promise<ManagedSession>
  #sessions: { source?: ManagedSession; target?: ManagedSession } = {}

  constructor(open: (side: 'source' | 'target') => Promise<ManagedSession>) {
    this.#open = open
  }

  async source(): Promise<ManagedSession> {
    this.#sessions.source ??= await this.#open('source')
    return this.#sessions.source
  }

  async target(): Promise<ManagedSession> {
    this.#sessions.target ??= await this.#open('target')
    return this.#sessions.target
  }

  /** Closes both; the next stream opens new ones. */
  async drop(): Promise<void> {
    const { source, target } = this.#sessions
    this.#sessions = {}
    await Promise.all([source?.close(), target?.close()])
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.drop()
  }
}
