import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { PrivateDirectory } from './private-directory.js'
import { descendants, isRunning, isStopped, signal } from './processes.js'

const STOP_MS = 4_000

/** One private server: a child process in a private directory. Owns both, and ends both. */
export class ServerProcess {
  readonly logFile: string
  readonly pid: number
  readonly #child: ChildProcess
  readonly #directory: PrivateDirectory
  readonly #tidy: (() => Promise<void>) | undefined
  #stopping: Promise<void> | undefined

  /** `tidy` runs when the server has ended, before its directory goes. */
  constructor(directory: PrivateDirectory, command: string, args: readonly string[], tidy?: () => Promise<void>) {
    this.#directory = directory
    this.#tidy = tidy
    this.logFile = join(directory.path, 'server.log')
    this.#child = spawnIn(directory, command, args, this.logFile, 'ignore')
    this.#child.unref()
    this.pid = this.#child.pid ?? 0
    if (this.pid !== 0) directory.guard(this.pid)
    this.#child.once('exit', () => directory.unguard())
    // A program that cannot be executed has no pid, so `running` is false and whoever waits for the server gives up.
    this.#child.once('error', () => directory.unguard())
  }

  get running(): boolean {
    return this.pid !== 0 && this.#child.exitCode === null && this.#child.signalCode === null
  }

  /** The last line of the server's log that says something, for the reason why it did not start. */
  async lastWords(): Promise<string> {
    const lines = (await readFile(this.logFile, 'utf8')).split('\n').filter((line) => line.trim() !== '')
    return lines.find((line) => /error|fatal/i.test(line)) ?? lines.at(-1) ?? 'no output'
  }

  /** SIGKILL for the whole tree. The main process is stopped first, so that it neither forks nor tidies up. */
  async kill(): Promise<void> {
    if (!this.running) return
    const exit = this.#exit()
    this.#child.kill('SIGSTOP')
    await until(() => isStopped(this.pid))
    const children = await descendants(this.pid)
    for (const pid of children) signal(pid, 'SIGKILL')
    this.#child.kill('SIGKILL')
    await exit
    for (const pid of children) await until(async () => !(await isRunning(pid)))
  }

  /** Resolves when nothing of the server runs any more. */
  async pause(): Promise<void> {
    this.#child.kill('SIGSTOP')
    await until(() => isStopped(this.pid))
    const children = await descendants(this.pid)
    for (const pid of children) signal(pid, 'SIGSTOP')
    for (const pid of children) await until(() => isStopped(pid))
  }

  async resume(): Promise<void> {
    for (const pid of await descendants(this.pid)) signal(pid, 'SIGCONT')
    this.#child.kill('SIGCONT')
  }

  /** Ends the server at once (SIGQUIT lets Postgres free its shared memory, SIGKILL follows) and removes all it wrote. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop()
    return this.#stopping
  }

  async #stop(): Promise<void> {
    try {
      if (this.running) {
        const exit = this.#exit()
        await this.resume()
        this.#child.kill('SIGQUIT')
        await exit
      }
      if (this.running) await this.kill()
      await this.#tidy?.()
    } finally {
      await this.#directory.remove()
    }
  }

  /** Settles when the child has ended, or after STOP_MS. */
  async #exit(): Promise<void> {
    this.#child.ref()
    await Promise.allSettled([once(this.#child, 'exit', { signal: AbortSignal.timeout(STOP_MS) })])
    this.#child.unref()
  }
}

/** Runs a program to its end as the server's account, with `input` on its stdin; throws with its last words when it
 * fails or takes a minute. */
export async function runIn(
  directory: PrivateDirectory,
  command: string,
  args: readonly string[],
  input = '',
): Promise<void> {
  const logFile = join(directory.path, 'setup.log')
  const child = spawnIn(directory, command, args, logFile, 'pipe')
  // A program that ends without reading its input is judged by its exit code.
  child.stdin?.once('error', () => child.stdin?.destroy())
  child.stdin?.end(input)
  if (child.pid !== undefined) directory.guard(child.pid)
  try {
    const [code] = await once(child, 'exit', { signal: AbortSignal.timeout(60_000) })
    if (code === 0) return
  } finally {
    child.kill('SIGKILL')
    directory.unguard()
  }
  const lines = (await readFile(logFile, 'utf8')).trim().split('\n')
  throw new Error(`${command}: ${lines.find((line) => /error/i.test(line)) ?? lines.at(-1)}`)
}

/** Without a terminal's signals (a group of its own) and without our environment, which may hold secrets. */
function spawnIn(
  directory: PrivateDirectory,
  command: string,
  args: readonly string[],
  logFile: string,
  input: 'ignore' | 'pipe',
): ChildProcess {
  const log = openSync(logFile, 'a', 0o600)
  try {
    return spawn(command, args, {
      stdio: [input, log, log],
      detached: true,
      cwd: '/',
      env: { PATH: process.env['PATH'], HOME: directory.path, TMPDIR: directory.path, LC_ALL: 'C', TZ: 'UTC' },
      ...directory.account,
    })
  } finally {
    closeSync(log)
  }
}

/** Asks until it holds, for at most STOP_MS. */
async function until(condition: () => Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + STOP_MS; Date.now() < deadline && !(await condition()); ) await sleep(10)
}
