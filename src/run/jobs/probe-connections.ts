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

/** Opens both connections of a job, at one time, and says whether they can be reached from here; the sessions are kept for
 * the work. Gives the error with which the job has to end: not reached, or a login that must not be repeated. */
export async function probeConnections(
  job: Job,
  host: JobHost,
  context: Pick<WorkerContext, 'signal' | 'send'>,
): Promise<AirlockError | undefined> {
  const names = [...new Set([job.source.name, job.target.name])]
  // Each of them is waited for: what was opened has to be there when the host is closed.
  const probed = await Promise.allSettled(names.map((name) => probe(name, job, host, context)))
  const thrown = probed.find(({ status }) => status === 'rejected')
  if (thrown?.status === 'rejected') throw thrown.reason
  return probed.flatMap((one) => (one.status === 'fulfilled' ? (one.value ?? []) : []))[0]
}

async function probe(
  name: string,
  { retries }: Job,
  host: JobHost,
  { signal, send }: Pick<WorkerContext, 'signal' | 'send'>,
): Promise<AirlockError | undefined> {
  // What has no server lies in this machine.
  if ((await host.serverOf(name)) === undefined) return undefined
  try {
    await withRetries(() => host.prepare(name, signal), { retries, signal, mayRepeat: (error) => error.retryable })
    send({ t: 'probe', connection: name, ok: true, class: 'ok' })
    return undefined
  } catch (error) {
    if (!(error instanceof AirlockError)) throw error
    send({ t: 'probe', connection: name, ok: !BLOCKED.includes(error.code), class: error.code.toLowerCase() })
    return BLOCKED.includes(error.code) || error.code === 'AUTH_FAILED' || signal.aborted ? error : undefined
  }
}
