import { execFileSync } from 'node:child_process'
import { readdirSync, statSync } from 'node:fs'
import { cpus, release, totalmem } from 'node:os'
import { join } from 'node:path'
import type { Programs } from '../programs.js'
import type { Servers } from '../servers.js'

/** What the figures depend on besides the code. */
export interface MachineFacts {
  readonly cores: number
  readonly cpu: string
  readonly memoryGib: number
  readonly kernel: string
  readonly node: string
  readonly mysql: string
  readonly postgres: string
  readonly psql: string
  readonly mariadb: string
  readonly pgloader: string
  readonly commit: string
  /** Sources that are newer than the CLI that is measured: then it is not the code that one reads. */
  readonly staleBuild: boolean
}

/** Gathers them. The machine bears no name here: the report may be published. */
export function machineFacts(root: string, bin: string, programs: Programs, servers: Servers): MachineFacts {
  return {
    cores: cpus().length,
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    memoryGib: Math.round(totalmem() / 1024 ** 3),
    kernel: release(),
    node: process.version,
    mysql: servers.versions.mysql,
    postgres: servers.versions.postgres,
    psql: firstLine(programs.psql, ['--version']),
    mariadb: firstLine(programs.mariadb, ['--version']),
    pgloader: programs.pgloader === undefined ? 'none' : firstLine(programs.pgloader, ['--version']),
    commit: firstLine('git', ['-C', root, 'describe', '--always', '--dirty']),
    staleBuild: isStale(join(root, 'src'), bin),
  }
}

function firstLine(program: string, args: readonly string[]): string {
  try {
    const output = execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
    return output.split('\n')[0]?.trim() ?? ''
  } catch {
    return 'unknown' // a fact for the report only
  }
}

function isStale(sources: string, bin: string): boolean {
  const built = statSync(bin, { throwIfNoEntry: false })?.mtimeMs
  if (built === undefined) return false
  return readdirSync(sources, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .some((name) => (statSync(join(sources, name), { throwIfNoEntry: false })?.mtimeMs ?? 0) > built)
}
