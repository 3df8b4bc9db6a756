import { type ChildProcess, spawn } from 'node:child_process'
import type { Variables } from './environment.js'
import { decodeSecret, SECRET_LIMIT, unresolved } from './secret-text.js'

const DEADLINE_MS = 10_000
// What password managers need to find their own files; nothing else of the environment reaches the command.
const PASSED_ON = ['PATH', 'HOME', 'USER', 'LOGNAME', 'LANG', 'TMPDIR', 'XDG_RUNTIME_DIR', 'GNUPGHOME', 'GPG_TTY']

export interface SecretCommandOptions {
  /** The field that the command stands in, for errors. */
  readonly at: string
  /** The folder that the command runs in. */
  readonly folder: string
  readonly variables: Variables
  /** Milliseconds after which the command and its children are killed (10,000). */
  readonly deadlineMs?: number
}

/** Runs a program and gives what it prints, as a secret. No shell, no standard input, its error output is thrown away, its
 * output is capped at 64 KiB. Throws SECRET_UNRESOLVED for a program that cannot start, fails, is silent, talkative or
 * slow; the last two are killed with their whole process group. */
export async function runSecretCommand(words: readonly string[], options: SecretCommandOptions): Promise<string> {
  const [program, ...args] = words
  if (program === undefined) throw unresolved(options.at)
  const env = Object.fromEntries(
    PASSED_ON.map((name) => [name, options.variables[name]]).filter(([, value]) => value !== undefined),
  )
  let child: ChildProcess
  try {
    child = spawn(program, args, {
      cwd: options.folder,
      env,
      shell: false,
      stdio: ['ignore', 'pipe', 'ignore'],
      // A group of its own, so that what the program started can be killed with it.
      detached: true,
      windowsHide: true,
    })
  } catch {
    throw unresolved(options.at)
  }
  return decodeSecret(await outputOf(child, options), options.at)
}

function outputOf(child: ChildProcess, options: SecretCommandOptions): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let size = 0
    const fail = () => {
      clearTimeout(timer)
      reject(unresolved(options.at))
    }
    const giveUp = () => {
      child.stdout?.destroy()
      killGroup(child)
      fail()
    }
    const timer = setTimeout(giveUp, options.deadlineMs ?? DEADLINE_MS)
    // A group of its own hears no Ctrl-C: when this process ends, so does the command.
    const onExit = () => killGroup(child)
    process.once('exit', onExit)
    child.on('close', () => process.off('exit', onExit))
    child.stdout?.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
      size += chunk.length
      if (size > SECRET_LIMIT) giveUp()
    })
    child.on('error', fail)
    child.on('close', (code) => {
      if (code !== 0) return fail()
      clearTimeout(timer)
      resolve(Buffer.concat(chunks))
    })
  })
}

/** Kills the program and what it started. The group can only be addressed while one of them lives: once the program is
 * gone, what holds its output open may have left the group, and then there is nothing to kill. */
function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return
  try {
    process.kill(-child.pid, 'SIGKILL')
  } catch {
    child.kill('SIGKILL')
  }
}
