import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

/** proc(5): CPU times are given in clock ticks. */
const TICKS_PER_SECOND = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }))

/** A process and all below it, from the children that the kernel lists for its main thread. */
export function processTree(root: number): number[] {
  const found = [root]
  for (const pid of found) {
    const children = readProc(`/proc/${pid}/task/${pid}/children`) ?? ''
    found.push(...children.split(' ').filter(Boolean).map(Number))
  }
  return found
}

/** CPU seconds (user and system) used so far by a process tree: those of the living processes, and those of the ended
 * ones that a living parent has waited for, as a Postgres server does for its sessions. */
export function cpuSeconds(root: number): number {
  const ticks = processTree(root).reduce((total, pid) => total + cpuTicks(pid), 0)
  return ticks / TICKS_PER_SECOND
}

/** The peak of resident memory that one process has had, in bytes; 0 when it has ended. */
export function peakResidentBytes(pid: number): number {
  const [, kibibytes = '0'] = /^VmHWM:\s+(\d+) kB$/m.exec(readProc(`/proc/${pid}/status`) ?? '') ?? []
  return Number(kibibytes) * 1024
}

/** utime, stime, cutime and cstime of `/proc/<pid>/stat`, whose second field may itself hold blanks and brackets. */
function cpuTicks(pid: number): number {
  const stat = readProc(`/proc/${pid}/stat`)
  if (stat === undefined) return 0
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return fields.slice(11, 15).reduce((total, field) => total + Number(field), 0)
}

/** `undefined` for a process that has ended. */
function readProc(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return undefined
  }
}
