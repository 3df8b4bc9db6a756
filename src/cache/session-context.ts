import { AsyncLocalStorage } from 'node:async_hooks'
import { AirlockError } from '../errors/index.js'
import { TIMED_OUT, withinDeadline } from '../sinks/deadline.js'

const DISPOSE_MS = 5000

/** One request, run or conversation: everything that happens on its behalf can ask which it is. */
export interface Session {
  readonly id: string
  /** Milliseconds since 1970. */
  readonly startedAt: number
  /** Closes `resource` when the session ends, in reverse order. Throws RESOURCE_CLOSED once it has ended. */
  own<T extends AsyncDisposable>(resource: T): T
}

const current = new AsyncLocalStorage<Session>()

/** The session that the calling code runs in, or undefined outside of any. There is no way to set it but to run in one. */
export function currentSession(): Session | undefined {
  return current.getStore()
}

/** Runs `work` as a session: whatever it awaits, in timers and queues too, finds it with `currentSession`. When `work` has
 * ended, its resources are closed, the latest first. Gives what `work` gives; where closing fails too, the errors come as
 * one AggregateError, the first of them that of `work`. */
export async function runInSession<T>(id: string, work: (session: Session) => Promise<T>): Promise<T> {
  if (!/^[A-Za-z0-9][\w.-]{0,63}$/.test(id)) {
    const params = { at: 'session id', problem: 'letters, digits, dot, dash and underscore, 64 at most' }
    throw new AirlockError('CONFIG_INVALID', { phase: 'run', params })
  }
  const resources: AsyncDisposable[] = []
  let ended = false
  const session: Session = Object.freeze({
    id,
    startedAt: Date.now(),
    own<R extends AsyncDisposable>(resource: R): R {
      if (ended) throw new AirlockError('RESOURCE_CLOSED', { params: { at: 'session' } })
      resources.push(resource)
      return resource
    },
  })
  const outcome = await settle(() => current.run(session, work, session))
  ended = true
  const errors = outcome.status === 'rejected' ? [outcome.reason] : []
  for (const resource of resources.reverse()) errors.push(...(await disposeOf(resource)))
  if (errors.length > 1) throw new AggregateError(errors, 'A session and its resources failed.')
  if (errors.length === 1) throw errors[0]
  return (outcome as PromiseFulfilledResult<T>).value
}

async function disposeOf(resource: AsyncDisposable): Promise<readonly unknown[]> {
  const closed = await withinDeadline(
    settle(async () => await resource[Symbol.asyncDispose]()),
    DISPOSE_MS,
  )
  if (closed === TIMED_OUT) return [new AirlockError('DEADLINE_EXCEEDED', { phase: 'close' })]
  return closed.status === 'rejected' ? [closed.reason] : []
}

async function settle<T>(work: () => Promise<T>): Promise<PromiseSettledResult<T>> {
  const [outcome] = await Promise.allSettled([Promise.resolve().then(work)])
  return outcome
}
