import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Command } from './run-command.js'

const MODULE = fileURLToPath(new URL('loop-delay.mjs', import.meta.url))
const REPORT = 'loop-delay.json'

/** How late the event loop of a program was between its first connection and its end. */
export interface LoopDelay {
  readonly p99Ms: number
  readonly maxMs: number
  readonly samples: number
}

/** A Node program, watched: what it costs is one timer every ten milliseconds. */
export function watchedNode(directory: string, args: readonly string[], env: Command['env']): Command {
  return {
    program: process.execPath,
    args: ['--import', MODULE, ...args],
    env: { ...env, BENCH_LOOP_DELAY: join(directory, REPORT) },
  }
}

/** What a program has left; undefined where it was not watched. The report is removed, so that the next run cannot be
 * taken for this one. */
export async function takeLoopDelay(directory: string): Promise<LoopDelay | undefined> {
  const path = join(directory, REPORT)
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  await rm(path, { force: true })
  return text === undefined ? undefined : (JSON.parse(text) as LoopDelay)
}
