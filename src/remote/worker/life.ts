import { writeSync } from 'node:fs'
import { AirlockError, type ErrorCode } from '../../errors/index.js'
import type { Masker } from '../../masking/index.js'

/** How long work that was told to end may take to do so. */
const GRACE_MS = 10_000

/** When a worker ends that does not end by itself: at its deadline, at a signal, with its reader. Work is aborted first, and
 * the process ended some seconds later whatever it does. */
export class Life {
  readonly #controller = new AbortController()
  readonly #masker: Masker
  #last: NodeJS.Timeout | undefined

  constructor(masker: Masker) {
    this.#masker = masker
    process.on('SIGTERM', () => this.end('TERMINATED'))
    process.on('SIGHUP', () => this.end('TERMINATED'))
    process.on('SIGINT', () => this.end('INTERRUPTED'))
    process.on('uncaughtException', (error) => this.#fall(error))
    process.on('unhandledRejection', (error) => this.#fall(error))
  }

  /** Aborts with the AirlockError that says why. */
  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** From now on it lasts so many milliseconds at most. */
  limit(ms: number): void {
    setTimeout(() => this.end('DEADLINE_EXCEEDED'), Math.min(ms, 2 ** 31 - 1)).unref()
  }

  end(code: ErrorCode): void {
    if (this.#controller.signal.aborted) return
    const error = new AirlockError(code, { phase: 'remote' })
    this.#controller.abort(error)
    this.#last = setTimeout(() => process.exit(error.exitCode), GRACE_MS)
    this.#last.unref()
  }

  /** One line for a person who looks into the sandbox: no stack, whose text nobody has chosen. */
  say(text: string): void {
    try {
      writeSync(2, `${this.#masker.text(text)}\n`)
    } catch {
      this.end('TERMINATED') // nobody reads it any more
    }
  }

  #fall(error: unknown): never {
    const { code, ref } = this.#masker.error(error, { phase: 'remote' })
    this.say(`airlock worker: ${code} (ref ${ref})`)
    process.exit(1)
  }
}
