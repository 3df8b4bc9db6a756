import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { env } from 'node:process'

/** Waits for the end of its standard input. Then kills whatever has its home below the directory, some times over because
 * it may start others meanwhile, and removes the directory. Without /proc it finds nothing to kill. */
const SCRIPT = `
read -r _
for look in 1 2 3 4 5 6 7 8 9 10; do
  found=
  for process in /proc/[0-9]*; do
    if grep -qsF "HOME=$1/" "$process/environ"; then kill -9 "\${process#/proc/}"; found=1; fi
  done
  if [ -z "$found" ]; then break; fi
  sleep 0.05
done
rm -rf "$1"
`

/** A process of its own that does what is left to do when the server's process has ended without closing it, by whatever
 * signal: it holds the other end of a pipe, which the kernel closes. */
export class Watchdog {
  readonly #shell: ChildProcess
  readonly #ended: Promise<unknown>

  constructor(root: string) {
    this.#shell = spawn('/bin/sh', ['-c', SCRIPT, 'sh', root], {
      stdio: ['pipe', 'ignore', 'ignore'],
      env: { PATH: env['PATH'] ?? '/usr/bin:/bin' },
      detached: true, // out of reach of what a terminal sends to the group of this process
    })
    this.#ended = once(this.#shell, 'exit')
    this.#shell.unref()
  }

  /** There is nothing left to do. */
  async dismiss(): Promise<void> {
    this.#shell.ref() // lest the process ends while it waits here
    this.#shell.kill('SIGKILL')
    await this.#ended
  }
}
