import { type ChildProcessByStdio, spawn } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { expect, inject, onTestFinished } from 'vitest'

/** What runs a program of the tests without a build. */
export const NODE_ARGS = ['--import', import.meta.resolve('tsx')] as const

export interface Launch {
  readonly cwd?: string
  /** Beside PATH there is nothing else in the environment. */
  readonly env?: Readonly<Record<string, string>>
  readonly input?: string | Uint8Array
  /** A program that runs the command line, e.g. one that gives it a terminal. */
  readonly via?: (command: readonly string[]) => readonly [string, ...string[]]
}

export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
  /** Both of them. */
  readonly text: string
}

export interface Running {
  readonly child: ChildProcessByStdio<Writable, Readable, Readable>
  readonly ended: Promise<Ended>
}

/** Starts `airlock …` as a process of its own, which is killed should the test end before it. */
export function start(args: readonly string[], launch: Launch = {}): Running {
  const command = [process.execPath, inject('cli'), ...args] as const
  const [program, ...rest] = launch.via?.(command) ?? command
  const child = spawn(program, rest, {
    ...(launch.cwd === undefined ? {} : { cwd: launch.cwd }),
    env: { PATH: process.env['PATH'], ...launch.env },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  child.stdin.on('error', () => child.stdin.destroy()) // a command that does not read has ended before we wrote
  child.stdin.end(launch.input ?? '')
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => resolve({ code, signal, stdout, stderr, text: stdout + stderr }))
  })
  return { child, ended }
}

/** Runs `airlock …` to its end. */
export function airlock(args: readonly string[], launch: Launch = {}): Promise<Ended> {
  return start(args, launch).ended
}

/** Runs several command lines in one process, by the same `main`: for those that end before they touch anything. */
export async function several(lines: readonly (readonly string[])[]): Promise<Ended[]> {
  const script = fileURLToPath(new URL('./run-several.ts', import.meta.url))
  const via = () => [process.execPath, ...NODE_ARGS, script, JSON.stringify(lines)] as const
  const { code, stdout, stderr } = await start([], { via }).ended
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return JSON.parse(stdout) as Ended[]
}

/** The envelope of `--json`: all of stdout is one line of JSON, and stderr is empty. */
export function envelope(ended: Ended): Record<string, unknown> {
  expect(ended.stderr).toBe('')
  expect(ended.stdout.split('\n')).toHaveLength(2)
  const parsed = JSON.parse(ended.stdout) as Record<string, unknown>
  expect(Object.keys(parsed)).toEqual(expect.arrayContaining(['ok', 'meta']))
  return parsed
}

/** The one line on stderr that says what went wrong: code, hint and ref, and nothing after or before it. */
export function calmLine(ended: Ended, code: string): string {
  const lines = ended.stderr.split('\n').filter((line) => line !== '')
  expect(lines, ended.stderr).toHaveLength(1)
  expect(lines[0]).toMatch(
    new RegExp(`airlock: ${code}(?: \\(\\w+\\))?(?: at [\\w-]+)?: .+\\. .+\\. \\[ref [0-9a-f]{12}\\]$`),
  )
  expect(ended.text).not.toMatch(/\n\s+at |node:internal|Error:/)
  return lines[0]!
}
