import { setTimeout as sleep } from 'node:timers/promises'
import type { RemoteEventPort } from './events.js'
import { type FaultClass, SandboxFault } from './sandbox-fault.js'
import type { SandboxPort } from './sandbox-port.js'

const TRIES = 3
const WAIT_MS = 300
/** For each try; a run that was aborted still has to clear up after itself. */
const TRY_MS = 10_000

/** Ends a sandbox, in up to three tries, whatever became of the run. Never throws: one that cannot be killed ends when its
 * lease is over, and the sweeper looks after it. Gives the class of the last failure, undefined where it is gone. */
export async function killSandbox(
  port: Pick<SandboxPort, 'kill'>,
  sandbox: string,
  events: RemoteEventPort,
): Promise<FaultClass | undefined> {
  let faultClass: FaultClass = 'unknown'
  for (let attempt = 1; attempt <= TRIES; attempt++) {
    try {
      const killed = await port.kill(sandbox, AbortSignal.timeout(TRY_MS))
      events.emit(killed ? 'sandbox.killed' : 'sandbox.kill_noop', { sandbox })
      return undefined
    } catch (error) {
      faultClass = error instanceof SandboxFault ? error.faultClass : 'unknown'
      events.emit('sandbox.kill_failed', { sandbox, class: faultClass, retry: attempt < TRIES })
      if (attempt < TRIES) await sleep(WAIT_MS * attempt)
    }
  }
  return faultClass
}
