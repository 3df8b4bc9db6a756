import { AirlockError } from '../errors/index.js'

/** What the server gets to end a statement by its own clock, and then by our request, before its connection goes. */
const SERVER_MS = 500
const GIVE_UP_MS = 4000

/** Bounds a query by a clock of ours too: a hint in the statement may lift the server's limit, and a server that is gone
 * has none. The signal that `work` gets aborts with the caller's, or with STATEMENT_TIMEOUT; a statement that does not end
 * on that either is given up. */
export async function withinTime<T>(
  time: { readonly ms: number; readonly signal: AbortSignal; readonly giveUp: () => void },
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController()
  const late = new AirlockError('STATEMENT_TIMEOUT', { phase: 'query' })
  let last: NodeJS.Timeout | undefined
  const timer = setTimeout(() => {
    last = setTimeout(time.giveUp, GIVE_UP_MS)
    controller.abort(late)
  }, time.ms + SERVER_MS)
  const forward = () => controller.abort(time.signal.reason)
  if (time.signal.aborted) forward()
  time.signal.addEventListener('abort', forward, { once: true })
  try {
    return await work(controller.signal)
  } catch (error) {
    throw controller.signal.reason === late ? late : error
  } finally {
    clearTimeout(timer)
    clearTimeout(last)
    time.signal.removeEventListener('abort', forward)
  }
}
