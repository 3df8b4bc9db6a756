import { mkdir, rm, writeFile } from 'node:fs/promises'
import type { ServerResponse } from 'node:http'
import { join } from 'node:path'
import { env, platform } from 'node:process'
import { GuestPaths } from './guest-paths.js'
import { type EndEvent, GuestProcess, type ProcessConfig } from './guest-process.js'
import type { E2BNetwork } from './network-rules.js'
import { killAll, processesOf, SANDBOX_VARIABLE, sendSignal } from './process-table.js'

/** What a sandbox is created with. */
export interface SandboxSpec {
  readonly templateId: string
  readonly timeoutSeconds: number
  readonly metadata: Readonly<Record<string, string>>
  readonly envs: Readonly<Record<string, string>>
  readonly network: E2BNetwork | undefined
  readonly allowInternetAccess: boolean | undefined
  /** Paused at the end of its time, in place of killed. */
  readonly autoPause: boolean
  /** What its envd demands in `X-Access-Token`; undefined: nothing. */
  readonly token: string | undefined
}

export type SandboxState = 'running' | 'paused' | 'ended'

/** What a server makes of it: where its files go, and what its commands find in front of PATH. */
export interface SandboxPlace {
  readonly root: string
  readonly bin: string
}

/** How long envd keeps how a command ended, for whoever asks late. */
const RETAINED_MS = 30_000
const LONGEST_TIMER_MS = 2 ** 31 - 1

/** A sandbox: a directory, the processes that were started in it, and the end of its time. */
export class Sandbox {
  readonly id: string
  /** Counts creations. */
  readonly sequence: number
  readonly spec: SandboxSpec
  readonly startedAt = new Date()
  readonly directory: string
  readonly paths: GuestPaths
  readonly processes = new Map<number, GuestProcess>()
  /** How commands ended that are not there any more. */
  readonly retained = new Map<number, EndEvent>()
  /** Replies under way, which end with the sandbox. */
  readonly replies = new Set<ServerResponse>()
  network: E2BNetwork | undefined
  readonly #place: SandboxPlace
  readonly #onExpired: () => void
  /** Of commands. Where descendants are known by their environment, only while the command lives: ids come back. */
  readonly sessions = new Set<number>()
  #hasStarted = false
  #opened: Promise<void> | undefined
  #state: SandboxState = 'running'
  #expiry: NodeJS.Timeout | undefined
  #timeoutAt: Date
  #ending: Promise<void> | undefined

  constructor(id: string, sequence: number, spec: SandboxSpec, place: SandboxPlace, onExpired: () => void) {
    this.id = id
    this.sequence = sequence
    this.spec = spec
    this.network = spec.network
    this.directory = join(place.root, id)
    this.paths = new GuestPaths(this.directory, place.root)
    this.#place = place
    this.#onExpired = onExpired
    this.#timeoutAt = new Date(Date.now() + spec.timeoutSeconds * 1000)
  }

  get state(): SandboxState {
    return this.#state
  }

  get timeoutAt(): Date {
    return this.#timeoutAt
  }

  /** Makes the directory and starts the clock. */
  open(): Promise<void> {
    this.#opened = this.#open()
    return this.#opened
  }

  async #open(): Promise<void> {
    await mkdir(this.paths.home, { recursive: true })
    await mkdir(this.paths.tmp, { recursive: true })
    // A login shell sets PATH anew in /etc/profile, and reads this afterwards.
    await writeFile(join(this.paths.home, '.profile'), `PATH='${this.#place.bin}':"$PATH"\n`)
    this.expireIn(this.spec.timeoutSeconds)
  }

  /** Sets the end of its time anew. */
  expireIn(seconds: number): void {
    clearTimeout(this.#expiry)
    this.#timeoutAt = new Date(Date.now() + seconds * 1000)
    const delay = Math.min(seconds * 1000, LONGEST_TIMER_MS)
    if (this.#state === 'running') this.#expiry = setTimeout(this.#onExpired, delay).unref()
  }

  /** Refuses with `invalid_argument` a command or a directory that is not there. */
  async start(config: ProcessConfig, tag: string | undefined, stdin: boolean): Promise<GuestProcess> {
    const rewrite = (text: string): string => this.paths.rewrite(text)
    const command = await GuestProcess.start(config, tag, {
      cmd: rewrite(config.cmd),
      args: config.args.map(rewrite),
      cwd: this.paths.toHost(this.paths.resolve(config.cwd ?? '')),
      env: this.#environment(config.envs),
      stdin,
    })
    this.#hasStarted = true
    this.sessions.add(command.pid)
    this.processes.set(command.pid, command)
    this.retained.delete(command.pid)
    void command.ended.then((event) => this.#retain(command, event))
    if (this.#state === 'ended') await this.#killProcesses() // it was started while the others were killed
    return command
  }

  /** All live processes, descendants too. */
  pids(): number[] {
    return this.#hasStarted ? processesOf(new Set([this.id]), this.sessions) : []
  }

  signalAll(signal: NodeJS.Signals): void {
    for (const pid of this.pids()) sendSignal(pid, signal)
  }

  /** Without memory the processes do not come back. */
  async pause(keepsMemory: boolean): Promise<void> {
    this.#state = 'paused'
    clearTimeout(this.#expiry)
    this.#cutReplies()
    if (keepsMemory) this.signalAll('SIGSTOP')
    else await this.#killProcesses()
  }

  resume(seconds: number): void {
    this.#state = 'running'
    this.expireIn(seconds)
    this.signalAll('SIGCONT')
  }

  /** Cuts its replies, kills its processes, removes its directory. Idempotent. */
  end(): Promise<void> {
    this.#state = 'ended'
    clearTimeout(this.#expiry)
    this.#ending ??= this.#end()
    return this.#ending
  }

  async #end(): Promise<void> {
    this.#cutReplies()
    await Promise.allSettled([this.#opened]) // lest it makes the directory that is removed here
    await this.#killProcesses()
    await rm(this.directory, { recursive: true, force: true, maxRetries: 3 })
  }

  /** First, lest somebody hears of its processes' ends: a machine that is gone tells nothing. */
  #cutReplies(): void {
    for (const reply of this.replies) reply.socket?.destroySoon()
  }

  /** What cannot be killed is seen in the server's `processes()`. */
  async #killProcesses(): Promise<void> {
    await killAll(() => this.pids())
  }

  #retain({ pid }: GuestProcess, event: EndEvent): void {
    this.processes.delete(pid)
    if (platform === 'linux') this.sessions.delete(pid)
    this.retained.set(pid, event)
    setTimeout(() => this.retained.delete(pid), RETAINED_MS).unref()
  }

  /** Nothing of this process's environment but PATH and LANG. */
  #environment(envs: Readonly<Record<string, string>>): Record<string, string> {
    const given = Object.entries({ ...this.spec.envs, ...envs }).map(([name, value]) => [
      name,
      this.paths.rewrite(value),
    ])
    return {
      PATH: `${this.#place.bin}:${env['PATH'] ?? '/usr/local/bin:/usr/bin:/bin'}`,
      LANG: env['LANG'] ?? 'C.UTF-8',
      HOME: this.paths.home,
      USER: 'user',
      LOGNAME: 'user',
      E2B_SANDBOX: 'true',
      ...Object.fromEntries(given),
      [SANDBOX_VARIABLE]: this.id,
    }
  }
}
