import { Semaphore } from 'async-mutex'
import { AirlockError } from '../errors/index.js'
import { runChild } from './child-command.js'
import { type Envelope, parseEnvelope } from './envelope.js'

export interface CliBridgeOptions {
  /** The CLI: program and first arguments. */
  readonly command: readonly [program: string, ...args: string[]]
  /** The only variables that a child gets, beside the id of the call. */
  readonly env: Readonly<Record<string, string>>
  readonly cwd: string
  /** airlock.yaml, absolute; undefined where the child shall find it. */
  readonly config: string | undefined
  readonly maxConcurrent: number
  /** How many calls may wait for a place. */
  readonly maxQueued: number
}

/** One call of the CLI. */
export interface CliCall {
  /** Words of the command and its options. What comes from an agent belongs into `operands` or behind `--option=`. */
  readonly args: readonly string[]
  /** What stands behind `--`: never read as an option. */
  readonly operands?: readonly string[]
  readonly input?: string
  readonly deadlineMs: number
  readonly maxBytes: number
  /** Which call of an agent this is for; records that the child writes carry it. */
  readonly id: string
}

/** The one way from the server to data: the CLI as a child for each call, so many at a time and no more. */
export class CliBridge {
  readonly #options: CliBridgeOptions
  readonly #places: Semaphore
  readonly #running = new Set<() => void>()
  #waiting = 0

  constructor(options: CliBridgeOptions) {
    this.#options = options
    this.#places = new Semaphore(options.maxConcurrent)
  }

  /** Children that run at this moment. */
  get running(): number {
    return this.#running.size
  }

  /** Kills what runs, for an end that cannot wait. */
  kill(): void {
    for (const kill of this.#running) kill()
  }

  /** Runs one call and gives its envelope, good or not. The deadline covers the wait for a place. Throws SERVER_BUSY,
   * DEADLINE_EXCEEDED, ANSWER_TOO_LARGE, CHILD_FAILED, and the reason of the signal. */
  async call(call: CliCall, signal: AbortSignal): Promise<Envelope> {
    const started = performance.now()
    const release = await this.#place(call.deadlineMs, signal)
    try {
      const { command, env, cwd, config } = this.#options
      const global = ['--json', '--no-progress', ...(config === undefined ? [] : ['--config', config])]
      const operands = call.operands === undefined ? [] : ['--', ...call.operands]
      const stdout = await runChild(
        {
          command: [command[0], ...command.slice(1), ...global, ...call.args, ...operands],
          env: { ...env, AIRLOCK_SESSION: call.id, AIRLOCK_LIFELINE: '1' },
          cwd,
          input: call.input ?? '',
          maxBytes: call.maxBytes,
          deadlineMs: Math.max(1, call.deadlineMs - (performance.now() - started)),
          running: this.#running,
        },
        signal,
      )
      return parseEnvelope(stdout)
    } finally {
      release()
    }
  }

  async #place(deadlineMs: number, signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted()
    const waits = this.#places.isLocked() ? 1 : 0
    if (waits === 1 && this.#waiting >= this.#options.maxQueued) throw new AirlockError('SERVER_BUSY', { phase: 'run' })
    this.#waiting += waits
    const place = this.#places.acquire().then(([, release]) => release)
    const stop = new AbortController()
    try {
      return await Promise.race([place, refusal(deadlineMs, signal, stop.signal)])
    } catch (error) {
      // The place comes when it comes; nobody is there to take it.
      void place.then((release) => release())
      throw error
    } finally {
      stop.abort()
      this.#waiting -= waits
    }
  }
}

/** Rejects when the signal aborts or the time is up; `over` takes its listeners away. */
function refusal(deadlineMs: number, signal: AbortSignal, over: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const timer = setTimeout(() => reject(new AirlockError('DEADLINE_EXCEEDED', { phase: 'run' })), deadlineMs)
    const abort = () => reject(signal.reason)
    signal.addEventListener('abort', abort, { once: true })
    over.addEventListener('abort', () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', abort)
    })
  })
}
