import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { readFile, readlink, stat } from 'node:fs/promises'
import { type Engine, settle } from '../../src/testing/index.js'

/** Settings under which a private server that is killed has every commit that it has confirmed. */
export const DURABLE = {
  mysql: { 'innodb-flush-log-at-trx-commit': '2' },
  postgres: { synchronous_commit: 'on' },
} as const

/** Kills a private server of Linux, which does nothing more from the moment of the call; what is given back starts it again on its data, and disposing that stops it. */
export async function killAndRevive(
  engine: Engine,
  kill: () => Promise<void>,
): Promise<() => Promise<AsyncDisposable>> {
  freeze(engine.pid!)
  const folder = `/proc/${engine.pid}`
  const [program, ...all] = (await readFile(`${folder}/cmdline`, 'utf8')).split('\0').slice(0, -1)
  // The first start has removed the file with its passwords.
  const args = all.filter((argument) => !argument.startsWith('--init-file='))
  const [cwd, { uid, gid }] = await Promise.all([readlink(`${folder}/cwd`), stat(folder)])
  await kill()
  return async () => {
    let server: ChildProcess | undefined
    const stopped = () => server === undefined || server.exitCode !== null || server.signalCode !== null
    const answers = async () => {
      // It refuses to start while processes of the old one are still there.
      if (stopped()) server = spawn(program!, args, { cwd, uid, gid, stdio: 'ignore' })
      return await engine.sessions({ user: 'nobody' }).then(
        () => 1,
        () => 0,
      )
    }
    if ((await settle(answers, 1, 40_000)) !== 1) throw new Error('the killed server did not come back')
    return {
      async [Symbol.asyncDispose]() {
        if (server === undefined || stopped()) return
        const closed = once(server, 'close')
        server.kill('SIGKILL')
        await closed
      },
    }
  }
}

/** At once, without a look at anything in between: a load of half a second could be over before a server is killed that
 * first has to be found. */
function freeze(pid: number): void {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean)
  for (const one of [...children.map(Number), pid]) process.kill(one, 'SIGSTOP')
}
