import type { CommandHandle, CommandResult } from 'e2b/dist/index.mjs'
import { SandboxFault } from './sandbox-fault.js'
import type { CommandEnd, RemoteCommand } from './sandbox-port.js'

/** What a command needs of the port that started it. */
export interface CommandParts {
  readonly handle: CommandHandle
  /** For its whole life, in milliseconds. */
  readonly timeoutMs: number
  /** Runs a call with a deadline and gives every failure its class. */
  readonly call: <T>(signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>) => Promise<T>
  /** The class of what the stream of the command ended with. */
  readonly classify: (error: unknown) => Promise<SandboxFault>
  readonly now?: () => number
}

/** A command in a sandbox, behind the handle of the client library. */
export class E2BCommand implements RemoteCommand {
  readonly pid: number
  readonly ended: Promise<CommandEnd>
  readonly #parts: CommandParts
  readonly #startedAt: number
  #detached = false

  constructor(parts: CommandParts) {
    this.pid = parts.handle.pid
    this.#parts = parts
    this.#startedAt = this.#now()
    this.ended = this.#wait()
    this.ended.then(undefined, toldToWhoWaits)
  }

  async write(text: string, signal: AbortSignal): Promise<void> {
    const { handle, call } = this.#parts
    await call(signal, (bounded) => handle.sendStdin(text, { signal: bounded, requestTimeoutMs: 0 }))
  }

  async detach(): Promise<void> {
    this.#detached = true
    await this.#parts.handle.disconnect()
  }

  async #wait(): Promise<CommandEnd> {
    try {
      return this.#endOf(await this.#parts.handle.wait())
    } catch (error) {
      if (error instanceof SandboxFault) throw error
      if (this.#detached) throw new SandboxFault('aborted')
      const result = resultOf(error)
      if (result !== undefined) return this.#endOf(result)
      throw await this.#parts.classify(error)
    }
  }

  /** The platform kills a command whose time is over and may say so in either of two ways. */
  #endOf({ exitCode, error }: CommandResult): CommandEnd {
    const signal = signalOf(error)
    const { timeoutMs } = this.#parts
    if (signal !== undefined && timeoutMs > 0 && this.#now() - this.#startedAt >= timeoutMs) {
      throw new SandboxFault('deadline')
    }
    return { exitCode, signal }
  }

  #now(): number {
    return this.#parts.now?.() ?? performance.now()
  }
}

/** A command that ends with another code than 0 is an error for the library and none for us. */
function resultOf(error: unknown): CommandResult | undefined {
  if (!(error instanceof Error) || error.name !== 'CommandExitError' || !('result' in error)) return undefined
  return error.result as CommandResult
}

/** The signal by its name, from `signal: killed`. */
function signalOf(error: string | undefined): string | undefined {
  const word = /^signal: ([a-z ]{1,40})/.exec(error ?? '')?.[1]
  if (word === undefined) return undefined
  return { killed: 'SIGKILL', terminated: 'SIGTERM', interrupt: 'SIGINT', hangup: 'SIGHUP' }[word] ?? 'other'
}

function toldToWhoWaits(): void {
  // Nobody may be waiting yet; whoever waits later is told.
}
