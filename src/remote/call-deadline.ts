/** What one call to the platform is bounded by. */
export interface CallBounds {
  /** Aborts when the caller's signal does or the time of the call is up. */
  readonly signal: AbortSignal
  /** Whether it was the time. */
  readonly expired: () => boolean
}

/** Runs one call with a deadline of its own beside the caller's signal. Leaves neither timer nor listener behind; in
 * contrast to `AbortSignal.any`, which keeps what it made for as long as the caller's signal lives. */
export async function withCallDeadline<T>(
  signal: AbortSignal,
  ms: number,
  work: (bounds: CallBounds) => Promise<T>,
): Promise<T> {
  const controller = new AbortController()
  let expired = false
  const abort = () => controller.abort(new DOMException('the caller gave up', 'AbortError'))
  const timer = setTimeout(() => {
    expired = true
    controller.abort(new DOMException('the time of the call is up', 'TimeoutError'))
  }, ms)
  if (signal.aborted) abort()
  else signal.addEventListener('abort', abort, { once: true })
  try {
    return await work({ signal: controller.signal, expired: () => expired })
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', abort)
  }
}
