/** What `withinDeadline` gives when the time is up. */
export const TIMED_OUT = Symbol('timed out')

/** The outcome of `work`, or TIMED_OUT after `timeoutMs` milliseconds; the work itself goes on. */
export async function withinDeadline<T>(work: Promise<T>, timeoutMs: number): Promise<T | typeof TIMED_OUT> {
  let timer: NodeJS.Timeout | undefined
  const deadline = new Promise<typeof TIMED_OUT>((resolve) => {
    timer = setTimeout(resolve, timeoutMs, TIMED_OUT)
  })
  try {
    return await Promise.race([work, deadline])
  } finally {
    clearTimeout(timer)
  }
}
