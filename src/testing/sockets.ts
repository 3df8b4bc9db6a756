import { execFile } from 'node:child_process'
import { readdir, readFile, readlink } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { whenAbsent } from './when-absent.js'

const POLL_MS = 20
/** A value must be read so often, lest it is taken for settled on its way to another. Readings, not time: on a busy
 * machine there may be only one of them in a long while. */
const HOLD = 6

/** How many TCP sockets this process holds to the given remote ports, from the kernel's table (proc(5): `/proc/net/tcp`
 * and `tcp6`, matched to our descriptors; `lsof` where there is no `/proc`). Node's own list of handles hides sockets
 * under TLS. In states that the kernel finishes without us (TIME_WAIT) a socket is nobody's and does not count. */
export async function countSockets(...remotePorts: readonly number[]): Promise<number> {
  const ports = new Set(remotePorts)
  return process.platform === 'linux' ? await countInProc(ports) : await countByLsof(ports)
}

/** Reads every 20 ms until the value was `expected` six times in a row, or until `ms` have passed; gives the last value,
 * for an assertion: `expect(await settle(() => countSockets(port), 0, 1000)).toBe(0)`. */
export async function settle(read: () => number | Promise<number>, expected: number, ms: number): Promise<number> {
  const deadline = Date.now() + ms
  for (let inARow = 0; ; ) {
    const value = await read()
    inARow = value === expected ? inARow + 1 : 0
    if (inARow === HOLD || (Date.now() >= deadline && inARow === 0)) return value
    await sleep(POLL_MS)
  }
}

async function countInProc(ports: ReadonlySet<number>): Promise<number> {
  const inodes = new Set([...(await inodesTo('/proc/net/tcp', ports)), ...(await inodesTo('/proc/net/tcp6', ports))])
  const held = await Promise.all((await readdir('/proc/self/fd')).map((fd) => socketInode(fd)))
  return new Set(held.filter((inode) => inode !== undefined && inodes.has(inode))).size
}

/** Columns: sl, local, remote (`hex address:hex port`), state, queues, timer, retransmits, uid, timeout, inode. */
async function inodesTo(table: string, ports: ReadonlySet<number>): Promise<string[]> {
  const lines = (await whenAbsent(readFile(table, 'latin1'), '')).split('\n').slice(1) // a kernel without IPv6 has no tcp6
  return lines
    .map((line) => line.trim().split(/\s+/))
    .filter((columns) => ports.has(Number.parseInt(columns[2]?.split(':')[1] ?? '', 16)))
    .map((columns) => columns[9] ?? '')
}

async function socketInode(fd: string): Promise<string | undefined> {
  const link = await whenAbsent(readlink(`/proc/self/fd/${fd}`), '') // closed since the listing
  return /^socket:\[(\d+)\]$/.exec(link)?.[1]
}

async function countByLsof(ports: ReadonlySet<number>): Promise<number> {
  const args = ['-nP', '-a', '-p', String(process.pid), '-iTCP', '-Fn']
  // lsof exits with 1 when it finds nothing.
  const { stdout } = await promisify(execFile)('lsof', args).catch((error: { stdout?: string }) => ({
    stdout: error.stdout ?? '',
  }))
  const remotes = stdout.split('\n').map((line) => Number(/->.*:(\d+)$/.exec(line)?.[1]))
  return remotes.filter((port) => ports.has(port)).length
}
