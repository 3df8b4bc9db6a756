import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

/** The variable by which every process of a sandbox is known, also one that has left its process group. */
export const SANDBOX_VARIABLE = 'E2B_SANDBOX_ID'

/** Looks that are taken for processes to be gone, 5 ms apart at first. */
const LOOKS = 200

/** The live processes that belong to any of these sandboxes, or to a session that a command of theirs began. Zombies are
 * not alive. Linux: proc(5), `stat` and `environ`. Elsewhere only process groups are seen, by ps(1). */
export function processesOf(sandboxes: ReadonlySet<string>, sessions: ReadonlySet<number>): number[] {
  if (process.platform !== 'linux') return processesByPs(sessions)
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((name) => {
      const [state = 'X', , , session] = (readProc(name, 'stat').split(') ').at(-1) ?? '').split(' ')
      if (state === 'Z' || state === 'X' || state === '') return false
      return sessions.has(Number(session)) || sandboxes.has(sandboxIn(readProc(name, 'environ')))
    })
    .map(Number)
}

/** Kills what `find` gives, until it gives nothing or, after some seconds, still gives something. */
export async function killAll(find: () => readonly number[]): Promise<void> {
  for (let look = 0; look < LOOKS; look++) {
    const pids = find()
    if (pids.length === 0) return
    for (const pid of pids) sendSignal(pid, 'SIGKILL')
    await sleep(Math.min(50, 5 + look))
  }
}

/** Signals a process, or a group by its negative id. One that is gone, or has become another user's, is left alone. */
export function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if (!['ESRCH', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
  }
}

function sandboxIn(environ: string): string {
  const found = environ.split('\0').find((variable) => variable.startsWith(`${SANDBOX_VARIABLE}=`))
  return found?.slice(SANDBOX_VARIABLE.length + 1) ?? ''
}

/** Nothing for a process that is gone or belongs to another user, which is none of ours. */
function readProc(pid: string, file: 'stat' | 'environ'): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1')
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException
    if (['ENOENT', 'ESRCH', 'EACCES', 'EPERM'].includes(code)) return ''
    throw error
  }
}

function processesByPs(groups: ReadonlySet<number>): number[] {
  const rows = execFileSync('ps', ['-axo', 'pid=,pgid=,stat='], { encoding: 'utf8', env: { PATH: '/bin:/usr/bin' } })
  return rows
    .split('\n')
    .map((row) => row.trim().split(/\s+/))
    .filter(([, group, state = 'Z']) => groups.has(Number(group)) && !state.startsWith('Z'))
    .map(([pid]) => Number(pid))
}
