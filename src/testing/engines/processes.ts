import { execFile } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { whenAbsent } from '../when-absent.js'

interface ProcessRow {
  readonly pid: number
  readonly parent: number
  readonly state: string
}

/** All processes below `pid`, from the kernel's table (`/proc` on Linux, `ps` elsewhere). A Postgres server is one
 * process for each session, so signals to its main process alone neither freeze nor kill it. */
export async function descendants(pid: number): Promise<number[]> {
  const table = await processTable()
  const found: number[] = []
  for (let parents = [pid]; parents.length > 0; ) {
    const children = table.filter((row) => parents.includes(row.parent)).map((row) => row.pid)
    found.push(...children)
    parents = children
  }
  return found
}

/** Whether the process still runs; one that has ended and only waits to be reaped does not. */
export async function isRunning(pid: number): Promise<boolean> {
  const row = (await processTable()).find((entry) => entry.pid === pid)
  return row !== undefined && !row.state.startsWith('Z') && !row.state.startsWith('X')
}

/** Whether SIGSTOP has taken hold. The kernel lets one thread stop the others, and on a busy machine that one may wait
 * for a processor while they go on: so on Linux every thread is looked at. */
export async function isStopped(pid: number): Promise<boolean> {
  if (process.platform !== 'linux') {
    return (await psTable()).some((row) => row.pid === pid && row.state.startsWith('T'))
  }
  const threads = await whenAbsent(readdir(`/proc/${pid}/task`), []) // ended: nothing runs
  const rows = await Promise.all(threads.map((thread) => linuxRow(`${pid}/task/${thread}`)))
  return rows.every((row) => row === undefined || row.state === 'T')
}

/** Sends a signal; a process that has ended meanwhile is no error. Gives whether the process was there. */
export function signal(pid: number, name: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, name)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ESRCH') return false
    throw error
  }
}

async function processTable(): Promise<ProcessRow[]> {
  return process.platform === 'linux' ? await linuxTable() : await psTable()
}

async function linuxTable(): Promise<ProcessRow[]> {
  const pids = (await readdir('/proc')).filter((entry) => /^\d+$/.test(entry))
  const rows = await Promise.all(pids.map(linuxRow))
  return rows.filter((row) => row !== undefined)
}

/** proc(5): `pid (comm) state ppid …`, where comm may itself hold blanks and brackets. */
async function linuxRow(path: string): Promise<ProcessRow | undefined> {
  try {
    const stat = await readFile(`/proc/${path}/stat`, 'latin1')
    const [state = 'X', parent = '0'] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return { pid: Number.parseInt(stat, 10), parent: Number(parent), state }
  } catch {
    return undefined // ended between the listing and the read
  }
}

async function psTable(): Promise<ProcessRow[]> {
  const { stdout } = await promisify(execFile)('ps', ['-A', '-o', 'pid=,ppid=,state='])
  return stdout
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields.length === 3)
    .map(([pid, parent, state = 'X']) => ({ pid: Number(pid), parent: Number(parent), state }))
}
