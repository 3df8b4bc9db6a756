import { spawn } from 'node:child_process'
import { AirlockError } from '../errors/index.js'

/** Runs this very command once more with less in its environment, on the same stdin, stdout and stderr, and waits for its
 * end. What a process was started with stays readable for its user as long as it lives, so a server that cuts its own
 * variables would still show them. Gives the exit code. Throws CHILD_FAILED where it cannot start. */
export async function relaunch(
  command: readonly [program: string, ...args: string[]],
  env: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<number> {
  const [program, ...args] = command
  const child = spawn(program, args, { env: { ...env }, stdio: ['inherit', 'inherit', 'inherit', 'pipe'] })
  const end = () => child.kill('SIGTERM')
  signal.addEventListener('abort', end, { once: true })
  try {
    return await new Promise((resolve, reject) => {
      child.once('error', () => reject(new AirlockError('CHILD_FAILED', { phase: 'run' })))
      child.once('exit', (code) => resolve(code ?? 1))
    })
  } finally {
    signal.removeEventListener('abort', end)
  }
}
