import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { signal as sendSignal } from '../../src/testing/engines/processes.js'
import { cpuSeconds, peakResidentBytes, processTree } from './process-tree.js'

const SAMPLE_MS = 100
const LAST_WORDS = 600

/** A program with its arguments, and what it finds in its environment besides PATH. */
export interface Command {
  readonly program: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
}

/** What one run of a command cost. */
export interface CommandCost {
  readonly exitCode: number
  /** From before the process is made to its end. */
  readonly wallSeconds: number
  readonly cpuSeconds: number
  /** The peak of the whole tree: the sum over its processes where there are several at once. */
  readonly peakResidentBytes: number
  /** The end of what it wrote to stderr. */
  readonly lastWords: string
}

export interface RunOptions {
  readonly directory: string
  readonly time: string | undefined
  /** Ends the command with all its processes. */
  readonly signal: AbortSignal
}

/** Runs a command to its end and measures it. With GNU time, CPU and the largest process's peak are exact; the samples
 * add what other processes of the tree hold. Without it both are the last sample, at most 100 ms old. */
export async function runCommand(command: Command, options: RunOptions): Promise<CommandCost> {
  const { directory, time } = options
  const report = join(directory, 'time.txt')
  const [program, ...args] =
    time === undefined
      ? [command.program, ...command.args]
      : [time, '-q', '-o', report, '-f', '%U %S %M', command.program, ...command.args]
  options.signal.throwIfAborted()
  const start = process.hrtime.bigint()
  const child = spawn(program as string, args, {
    cwd: directory,
    env: { PATH: process.env['PATH'] ?? '', HOME: directory, LC_ALL: 'C.UTF-8', TZ: 'UTC', ...command.env },
    stdio: ['ignore', 'ignore', 'pipe'],
    detached: true, // a process group of its own, which can be ended as a whole
  })
  const end = (): void => {
    if (child.pid !== undefined) sendSignal(-child.pid, 'SIGKILL')
  }
  options.signal.addEventListener('abort', end)
  const sampler = new Sampler(child.pid, time === undefined ? 0 : 1)
  let wallSeconds = 0
  child.once('exit', () => {
    wallSeconds = Number(process.hrtime.bigint() - start) / 1e9
  })
  let words = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    words = (words + text).slice(-LAST_WORDS)
  })
  try {
    const [exitCode] = await once(child, 'close')
    options.signal.throwIfAborted()
    const exact = time === undefined ? undefined : await readReport(report)
    return {
      exitCode: typeof exitCode === 'number' ? exitCode : -1,
      wallSeconds,
      cpuSeconds: exact?.cpuSeconds ?? sampler.cpuSeconds,
      peakResidentBytes: Math.max(sampler.peakBytes, exact?.peakResidentBytes ?? 0),
      lastWords: words.trim(),
    }
  } finally {
    options.signal.removeEventListener('abort', end)
    sampler.stop()
    await rm(report, { force: true })
  }
}

/** The last line is `%U %S %M`: seconds, seconds, KiB of the largest process. */
async function readReport(path: string): Promise<{ cpuSeconds: number; peakResidentBytes: number }> {
  const lines = (await readFile(path, 'utf8')).trim().split('\n')
  const [user = 0, system = 0, kibibytes = 0] = (lines.at(-1) ?? '').split(' ').map(Number)
  return { cpuSeconds: user + system, peakResidentBytes: kibibytes * 1024 }
}

/** Looks at a process tree ten times a second. */
class Sampler {
  cpuSeconds = 0
  peakBytes = 0
  readonly #timer: NodeJS.Timeout

  /** `skip`: how many processes at the root are only in front of the command. */
  constructor(root: number | undefined, skip: number) {
    this.#timer = setInterval(() => {
      if (root === undefined) return
      const bytes = processTree(root)
        .slice(skip)
        .reduce((total, pid) => total + peakResidentBytes(pid), 0)
      this.peakBytes = Math.max(this.peakBytes, bytes)
      if (skip === 0) this.cpuSeconds = Math.max(this.cpuSeconds, cpuSeconds(root))
    }, SAMPLE_MS)
  }

  stop(): void {
    clearInterval(this.#timer)
  }
}
