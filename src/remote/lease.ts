import type { RemoteEventPort } from './events.js'
import { SandboxFault } from './sandbox-fault.js'
import type { SandboxPort } from './sandbox-port.js'

export interface LeaseOptions {
  readonly port: SandboxPort
  readonly sandbox: string
  readonly events: RemoteEventPort
  /** How long the sandbox lives after each renewal; it is renewed three times in that. */
  readonly seconds: number
  /** When the last renewal may be, by `performance.now()`: a job's deadline and the time to fetch its results. */
  readonly until: number
  /** Aborted with the lease: the sandbox cannot be kept, or is gone. */
  readonly lost: AbortController
}

/** Keeps a sandbox alive as long as this process is (a dead man's switch): it ends by itself when nobody renews. */
export class Lease {
  #options: LeaseOptions
  #timer: NodeJS.Timeout
  #renewing: Promise<void> | undefined
  #renewed = performance.now()
  #stopped = new AbortController()

  constructor(options: LeaseOptions) {
    this.#options = options
    this.#timer = setInterval(
      () => {
        this.#renewing ??= this.#renew().finally(() => {
          this.#renewing = undefined
        })
      },
      (options.seconds * 1000) / 3,
    )
  }

  /** Renews no more. Idempotent. */
  async stop(): Promise<void> {
    clearInterval(this.#timer)
    this.#stopped.abort()
    await this.#renewing
  }

  async #renew(): Promise<void> {
    const { port, sandbox, events, seconds, until, lost } = this.#options
    if (performance.now() > until) return clearInterval(this.#timer)
    try {
      await port.extend(sandbox, seconds, this.#stopped.signal)
      this.#renewed = performance.now()
    } catch (error) {
      if (this.#stopped.signal.aborted) return
      const faultClass = error instanceof SandboxFault ? error.faultClass : 'unknown'
      const gone = faultClass === 'gone' || faultClass === 'not_found'
      const left = this.#renewed + seconds * 1000 - performance.now()
      events.emit('sandbox.lease_failed', { sandbox, class: faultClass, retry: !gone })
      if (gone || left < (seconds * 1000) / 3) lost.abort()
    }
  }
}
