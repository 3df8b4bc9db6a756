import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { sendSignal } from './process-table.js'
import { Refusal } from './refusal.js'

/** A command as `Start` names it and `List` shows it. */
export interface ProcessConfig {
  readonly cmd: string
  readonly args: readonly string[]
  readonly envs: Readonly<Record<string, string>>
  readonly cwd?: string
}

/** What is really started on this machine. */
export interface HostCommand {
  readonly cmd: string
  readonly args: readonly string[]
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
  readonly stdin: boolean
}

/** How a command ended, in envd's words (Go's `os.ProcessState`). */
export interface EndEvent {
  /** -1 after a signal. */
  readonly exitCode: number
  readonly exited: boolean
  readonly status: string
  readonly error?: string
}

export type OutputKind = 'stdout' | 'stderr'

/** Whoever follows a command. The next chunk is read when `data` has been settled by all. */
export interface OutputListener {
  data(kind: OutputKind, chunk: Buffer): Promise<void>
  end(event: EndEvent): Promise<void>
}

/** How long what a killed command has written is still read, where a descendant holds its pipes open. */
const LINGER_MS = 100

const SIGNAL_WORDS: Readonly<Record<string, string>> = {
  SIGKILL: 'killed',
  SIGTERM: 'terminated',
  SIGINT: 'interrupt',
  SIGHUP: 'hangup',
  SIGPIPE: 'broken pipe',
  SIGABRT: 'aborted',
  SIGSEGV: 'segmentation fault',
}

/** A command of a sandbox: a child process that leads a session of its own. Nobody needs to listen; what is written
 * meanwhile is lost, as in envd. */
export class GuestProcess {
  readonly pid: number
  readonly config: ProcessConfig
  readonly tag: string | undefined
  readonly ended: Promise<EndEvent>
  readonly #child: ChildProcess
  readonly #listeners = new Set<OutputListener>()
  #isKilled = false
  #exitCode: number | undefined

  private constructor(config: ProcessConfig, tag: string | undefined, child: ChildProcess, pid: number) {
    this.config = config
    this.tag = tag
    this.#child = child
    this.pid = pid
    child.stdin?.on('error', () => child.stdin?.destroy()) // what is written later is refused
    this.ended = this.#follow()
  }

  /** Refuses with `invalid_argument` what cannot be started. */
  static async start(config: ProcessConfig, tag: string | undefined, host: HostCommand): Promise<GuestProcess> {
    const { cmd, args, cwd, env, stdin } = host
    const stdio = [stdin ? 'pipe' : 'ignore', 'pipe', 'pipe'] as const
    const child = spawn(cmd, args, { cwd, env, stdio: [...stdio], detached: true })
    try {
      await once(child, 'spawn')
    } catch (error) {
      const errno = (error as NodeJS.ErrnoException).code ?? 'unknown'
      throw Refusal.rpc('invalid_argument', `error starting process '${config.cmd}': ${errno}`)
    }
    return new GuestProcess(config, tag, child, child.pid ?? 0)
  }

  /** Gives what ends the listening. Whoever listens in the turn in which `start` is settled misses nothing. */
  listen(listener: OutputListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Settled when the bytes are in the pipe. */
  async write(data: Buffer): Promise<void> {
    const { stdin } = this.#child
    const closed = Refusal.rpc('internal', 'error writing to stdin: stdin not enabled or closed')
    if (stdin === null || stdin.destroyed || stdin.writableEnded) throw closed
    await new Promise<void>((resolve, reject) => {
      stdin.write(data, (error) => (error ? reject(closed) : resolve()))
    })
  }

  closeStdin(): void {
    this.#child.stdin?.end()
  }

  /** Signals the leader only, as envd does; its end is then told without waiting for descendants. */
  signal(signal: 'SIGKILL' | 'SIGTERM'): void {
    this.#isKilled = true
    sendSignal(this.pid, signal)
  }

  /** Signals the whole process group. */
  signalGroup(signal: NodeJS.Signals): void {
    if (signal === 'SIGKILL') this.#isKilled = true
    sendSignal(-this.pid, signal)
  }

  /** Ends the whole group in the way of a command that exits by itself. */
  exit(code: number): void {
    this.#exitCode = code
    this.signalGroup('SIGKILL')
  }

  async #follow(): Promise<EndEvent> {
    const exited: Promise<unknown[]> = once(this.#child, 'exit')
    const { stdout, stderr } = this.#child
    const output = Promise.all([this.#pump('stdout', stdout), this.#pump('stderr', stderr)])
    const [code, signal] = await exited
    if (this.#isKilled) {
      await Promise.race([output, sleep(LINGER_MS)])
      stdout?.destroy()
      stderr?.destroy()
    }
    await output
    const event = endEvent(this.#exitCode ?? (code as number | null), signal as string | null)
    await Promise.all([...this.#listeners].map((listener) => listener.end(event)))
    return event
  }

  async #pump(kind: OutputKind, pipe: Readable | null): Promise<void> {
    if (pipe === null) return
    await new Promise(setImmediate) // whoever began the command listens by now
    try {
      for await (const chunk of pipe as AsyncIterable<Buffer>) {
        await Promise.all([...this.#listeners].map((listener) => listener.data(kind, chunk)))
      }
    } catch (error) {
      // Of a killed command whose pipes were taken away; its end says so.
      if (!this.#isKilled) throw error
    }
  }
}

function endEvent(code: number | null, signal: string | null): EndEvent {
  if (code !== null) {
    const status = `exit status ${code}`
    return { exitCode: code, exited: true, status, ...(code === 0 ? {} : { error: status }) }
  }
  const status = `signal: ${SIGNAL_WORDS[signal ?? ''] ?? signal}`
  return { exitCode: -1, exited: false, status, error: status }
}
