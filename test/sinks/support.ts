import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { onTestFinished } from 'vitest'
import { AuditLog } from '../../src/sinks/audit-log.js'
import type { AuditLogOptions } from '../../src/sinks/audit-options.js'
import type { AuditRecord } from '../../src/sinks/audit-record.js'
import type { EventMaskerPort } from '../../src/sinks/event-masker-port.js'

/** Lets everything through: for tests that are not about masking. */
export const plainMasker: EventMaskerPort = { value: (v) => v, text: (s) => s }

/** A directory of the test's own, removed afterwards. `memory`: on a file system in memory where there is one, for tests
 * whose many syncs would measure the disk. */
export function scratch(where: 'disk' | 'memory' = 'disk'): string {
  const parent = where === 'memory' && existsSync('/dev/shm') ? '/dev/shm' : realpathSync(tmpdir())
  const dir = mkdtempSync(join(parent, 'airlock-sinks-'))
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

/** Opens a log that is closed when the test ends. */
export async function openLog(dir: string, options: Partial<AuditLogOptions> = {}): Promise<AuditLog> {
  const log = await AuditLog.open({ dir, masker: plainMasker, reserveBytes: 0, ...options })
  onTestFinished(() => log.close())
  return log
}

/** The paths of the segments, in order. */
export function segmentPaths(dir: string): string[] {
  return readdirSync(dir)
    .filter((name) => name.endsWith('.jsonl'))
    .sort()
    .map((name) => join(dir, name))
}

/** All lines of all segments, parsed; throws when one is not JSON or the last one is torn. */
export function readRecords(dir: string): AuditRecord[] {
  return segmentPaths(dir).flatMap((path) => {
    const text = readFileSync(path, 'utf8')
    if (text !== '' && !text.endsWith('\n')) throw new Error('torn tail')
    return text
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as AuditRecord)
  })
}

/** 0, 1, …, count - 1. */
export function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i)
}

/** Runs a TypeScript file as a process of its own. */
export function startProcess(file: string, args: readonly string[]): ChildProcess {
  const child = spawn(process.execPath, ['--import', 'tsx', pathOf(file), ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'] },
  })
  onTestFinished(() => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
  })
  return child
}

/** Waits for the end of a process and gives its output. Throws when it failed, unless it was killed by us. */
export async function outputOf(child: ChildProcess, mayDieBy?: NodeJS.Signals): Promise<string> {
  let out = ''
  let errors = ''
  child.stdout!.on('data', (chunk) => {
    out += chunk
  })
  child.stderr!.on('data', (chunk) => {
    errors += chunk
  })
  const [code, signal] = await new Promise<[number | null, string | null]>((resolve) => {
    child.once('close', (c, s) => resolve([c, s]))
  })
  if (code !== 0 && (mayDieBy === undefined || signal !== mayDieBy))
    throw new Error(`child ended ${code} ${signal}: ${errors}`)
  return out
}

/** Runs a TypeScript file in a worker thread. */
export function startThread(file: string, workerData: unknown): Worker {
  const worker = new Worker(pathOf('./tsx-thread.mjs'), { workerData: { file: pathOf(file), data: workerData } })
  onTestFinished(async () => {
    await worker.terminate()
  })
  return worker
}

/** The first message of a worker thread. */
export async function messageOf(worker: Worker): Promise<unknown> {
  return await new Promise((resolve, reject) => {
    worker.once('message', resolve)
    worker.once('error', reject)
  })
}

function pathOf(file: string): string {
  return fileURLToPath(new URL(file, import.meta.url))
}
