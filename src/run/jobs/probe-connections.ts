import { withRetries } from '../../core/retry.js'
import { AirlockError, type ErrorCode } from '../../errors/index.js'
import type { WorkerContext } from '../../remote/worker/worker-context.js'
import type { Job } from './job.js'
import type { JobHost } from './job-host.js'

/** What a connection looks like that is not let out: no answer, a refusal, or one that is accepted and then closed. */
const BLOCKED: readonly ErrorCode[] = [
  'HOST_NOT_FOUND',
  'CONNECT_REFUSED',
  'CONNECT_UNREACHABLE',
  'CONNECT_TIMEOUT',
  'CONNECT_RESET',
  'CONNECTION_LOST',
  'DIRECT_UNREACHABLE',
]

/** Opens each connection of a job once and says whether it can be reached from here; the sessions are kept for the work.
 * Gives the error with which the job has to end: not reached, or a login that must not be repeated. */
export async function probeConnections(
  job: Job,
  host: JobHost,
  { signal, send }: Pick<WorkerContext, 'signal' | 'send'>,
): Promise<AirlockError | undefined> {
  for (const name of new Set([job.source.name, job.target.name])) {
    // What has no server lies in this machine.
    if ((await host.serverOf(name)) === undefined) continue
    try {
      await withRetries(() => host.prepare(name, signal), {
        retries: job.retries,
        signal,
        mayRepeat: (error) => error.retryable,
      })
      send({ t: 'probe', connection: name, ok: true, class: 'ok' })
    } catch (error) {
      if (!(error instanceof AirlockError)) throw error
      send({ t: 'probe', connection: name, ok: !BLOCKED.includes(error.code), class: error.code.toLowerCase() })
      if (BLOCKED.includes(error.code) || error.code === 'AUTH_FAILED' || signal.aborted) return error
    }
  }
  return undefined
}
