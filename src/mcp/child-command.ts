import { type ChildProcess, spawn } from 'node:child_process'
import { AirlockError } from '../errors/index.js'

/** A command of the CLI to be run as a process of its own. */
export interface ChildCommand {
  /** Program and arguments; never through a shell. */
  readonly command: readonly [program: string, ...args: string[]]
  /** Everything that the child finds in its environment. */
  readonly env: Readonly<Record<string, string>>
  readonly cwd: string
  /** Goes to stdin, which is then closed. */
  readonly input: string
  /** Bytes of stdout. */
  readonly maxBytes: number
  readonly deadlineMs: number
  /** Ways to kill the children that run; this one adds itself and takes itself away. Who holds the set may use it where
   * nothing can be waited for any more. */
  readonly running: Set<() => void>
}

/** How long a child that was told to end may take to roll back and close, before it and what it started are killed. */
export const KILL_AFTER_MS = 1500

/** Runs a child to its end and gives what it printed to stdout. Its stderr goes nowhere. Whatever happens the child is gone
 * when this settles: at the deadline (DEADLINE_EXCEEDED), when the signal aborts (its reason) and behind too much output
 * (ANSWER_TOO_LARGE) it gets SIGTERM, and SIGKILL with its whole process group where it does not end on that. A child that
 * cannot be started, or that a signal ended, is CHILD_FAILED; any exit code is an answer. */
export async function runChild(child: ChildCommand, signal: AbortSignal): Promise<string> {
  signal.throwIfAborted()
  const [program, ...args] = child.command
  const running = new RunningChild(
    spawn(program, args, {
      cwd: child.cwd,
      env: { ...child.env },
      shell: false,
      // The last of them is a lifeline: it closes when this process ends, in whatever way.
      stdio: ['pipe', 'pipe', 'ignore', 'pipe'],
      // A group of its own: what the command starts can be ended with it, and a Ctrl-C is for us to pass on.
      detached: process.platform !== 'win32',
      windowsHide: true,
    }),
    child.maxBytes,
  )
  const kill = () => running.kill()
  child.running.add(kill)
  const late = setTimeout(() => running.end(new AirlockError('DEADLINE_EXCEEDED', { phase: 'run' })), child.deadlineMs)
  const abort = () => running.end(signal.reason)
  signal.addEventListener('abort', abort, { once: true })
  try {
    return await running.finished(child.input)
  } finally {
    child.running.delete(kill)
    clearTimeout(late)
    signal.removeEventListener('abort', abort)
  }
}

class RunningChild {
  readonly #child: ChildProcess
  readonly #maxBytes: number
  readonly #chunks: Buffer[] = []
  #bytes = 0
  #ended: { readonly reason: unknown } | undefined
  #killer: NodeJS.Timeout | undefined

  constructor(child: ChildProcess, maxBytes: number) {
    this.#child = child
    this.#maxBytes = maxBytes
  }

  finished(input: string): Promise<string> {
    const child = this.#child
    return new Promise((resolve, reject) => {
      child.stdout?.on('data', (chunk: Buffer) => this.#take(chunk))
      // A command that does not read its input has answered, or failed, without it.
      child.stdin?.on('error', () => child.stdin?.destroy())
      child.stdin?.end(input)
      child.once('error', () => reject(childFailed()))
      child.once('close', (code) => {
        clearTimeout(this.#killer)
        // The leader may be gone while what it started is not.
        if (this.#ended !== undefined) this.kill()
        if (this.#ended !== undefined) reject(this.#ended.reason)
        else if (code === null) reject(childFailed())
        else resolve(this.#text(reject))
      })
    })
  }

  /** Asks the child to end, once; what `finished` rejects with is `reason`. */
  end(reason: unknown): void {
    if (this.#ended !== undefined) return
    this.#ended = { reason }
    this.#chunks.length = 0
    this.#child.kill('SIGTERM')
    this.#killer = setTimeout(() => {
      this.kill()
      // Somebody else may hold the other end open.
      this.#child.stdout?.destroy()
    }, KILL_AFTER_MS)
  }

  #take(chunk: Buffer): void {
    if (this.#ended !== undefined) return
    this.#bytes += chunk.length
    if (this.#bytes > this.#maxBytes) this.end(new AirlockError('ANSWER_TOO_LARGE', { phase: 'run' }))
    else this.#chunks.push(chunk)
  }

  #text(reject: (error: AirlockError) => void): string {
    try {
      return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(this.#chunks))
    } catch {
      reject(childFailed())
      return ''
    }
  }

  /** Ends the child and its group at once. */
  kill(): void {
    const { pid } = this.#child
    if (pid === undefined) return
    try {
      process.kill(process.platform === 'win32' ? pid : -pid, 'SIGKILL')
    } catch (error) {
      // Everybody in the group has gone already.
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') this.#child.kill('SIGKILL')
    }
  }
}

function childFailed(): AirlockError {
  return new AirlockError('CHILD_FAILED', { phase: 'run' })
}
