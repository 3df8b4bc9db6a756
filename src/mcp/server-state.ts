import { join } from 'node:path'
import { createCache } from '../cache/index.js'
import { CliBridge } from './cli-bridge.js'
import { Confirmations } from './confirmations.js'
import { Documents } from './documents.js'
import type { ServerPolicy } from './policy.js'
import { Recorder } from './recorder.js'

export interface ServerStateOptions {
  readonly policy: ServerPolicy
  readonly command: readonly [program: string, ...args: string[]]
  /** What children may have of the environment. */
  readonly env: Readonly<Record<string, string>>
  readonly cwd: string
  readonly version: string
  /** Ends every call when it aborts. */
  readonly signal: AbortSignal
}

/** What all calls of one server share, whatever transport they came in by. Its owner closes it. */
export class ServerState implements AsyncDisposable {
  readonly policy: ServerPolicy
  readonly version: string
  readonly signal: AbortSignal
  readonly bridge: CliBridge
  readonly recorder: Recorder
  readonly documents: Documents
  readonly confirmations = new Confirmations()
  #onExit: () => void

  private constructor(options: ServerStateOptions, recorder: Recorder, documents: Documents) {
    const { policy, command, env, cwd, version, signal } = options
    this.policy = policy
    this.version = version
    this.signal = signal
    this.recorder = recorder
    this.documents = documents
    this.bridge = new CliBridge({
      command,
      env,
      cwd,
      config: policy.config,
      maxConcurrent: policy.limits.max_concurrent,
      maxQueued: policy.limits.max_queued,
    })
    this.#onExit = () => this.bridge.kill()
    process.once('exit', this.#onExit)
  }

  /** Opens audit log, telemetry and cache under `home`. Throws AUDIT_UNAVAILABLE. */
  static async open(options: ServerStateOptions): Promise<ServerState> {
    const recorder = await Recorder.open(options.policy)
    const cache = await createCache({ dir: join(options.policy.home, 'cache', 'documents'), ttlMs: Documents.KEPT_MS })
    return new ServerState(options, recorder, new Documents(cache))
  }

  /** Idempotent and bounded. Calls that run are to be ended by the signal first. */
  async close(): Promise<void> {
    process.off('exit', this.#onExit)
    this.bridge.kill()
    await this.documents.close()
    await this.recorder.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
