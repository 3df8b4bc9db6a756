import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, mkdtempSync, statSync } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type Account, serverAccount } from './account.js'

/** Waits for the end of its input, which comes when we close it or when we die in whatever way; then ends the server
 * that it was told of (first politely, so that Postgres frees its shared memory) and removes the directory. */
const WATCHDOG = `
trap '' HUP INT TERM
pid=
while read -r word value; do
  case $word in server) pid=$value ;; gone) pid= ;; esac
done
if [ -n "$pid" ]; then
  kill -QUIT "$pid"; kill -CONT "$pid"
  for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do kill -0 "$pid" || break; sleep 0.1; done
  kill -KILL "$pid"
fi
for i in 1 2 3 4 5 6 7 8 9 10; do rm -rf "$1" && break; sleep 0.3; done
`

/** A directory of mode 0700 for one private server, owned by the account that the server runs as. A watchdog process
 * ties directory and server to our life: both go when `remove()` is called and when this process ends, be it by
 * SIGKILL. */
export class PrivateDirectory {
  readonly path: string
  readonly account: Account | undefined
  readonly #watchdog: ChildProcess

  constructor(label: string) {
    this.account = serverAccount()
    this.path = mkdtempSync(join(temporaryBase(this.account), `airlock-${label}-`))
    if (this.account !== undefined) chownSync(this.path, this.account.uid, this.account.gid)
    this.#watchdog = spawn('/bin/sh', ['-c', WATCHDOG, 'airlock-watchdog', this.path], {
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
      cwd: '/',
      env: { PATH: process.env['PATH'] },
    })
    this.#watchdog.unref()
    const input = this.#watchdog.stdin as Socket
    input.unref()
    // A watchdog that was killed cannot hear us: remove() then does its work itself.
    input.on('error', () => input.destroy())
  }

  /** From now on the watchdog ends this process when we end. */
  guard(pid: number): void {
    this.#watchdog.stdin?.write(`server ${pid}\n`)
  }

  /** The guarded process is gone; its id may soon be another's. */
  unguard(): void {
    this.#watchdog.stdin?.write('gone\n')
  }

  /** A new directory inside, for the server's account. */
  async subdirectory(name: string): Promise<string> {
    const path = join(this.path, name)
    await mkdir(path, { mode: 0o700 })
    if (this.account !== undefined) chownSync(path, this.account.uid, this.account.gid)
    return path
  }

  /** Removes the directory and ends the watchdog. Idempotent, done within five seconds. */
  async remove(): Promise<void> {
    const ended = this.#watchdog.exitCode !== null || this.#watchdog.signalCode !== null
    const exit = ended ? undefined : once(this.#watchdog, 'exit', { signal: AbortSignal.timeout(5_000) })
    this.#watchdog.ref()
    this.#watchdog.stdin?.end()
    await Promise.allSettled([exit])
    await rm(this.path, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
  }
}

/** The directory for temporary files, or `/tmp` where the server's account could not enter the former. */
export function temporaryBase(account: Account | undefined): string {
  const base = tmpdir()
  if (account === undefined) return base
  for (let path = base; path !== '/'; path = dirname(path)) {
    if ((statSync(path).mode & 0o001) === 0) return '/tmp'
  }
  return base
}
