/** Waits for `work`, but never longer than `ms`: resolves to `undefined` at the deadline. For closing and cancelling,
 * where the owner destroys the resource afterwards whatever happened; a rejection counts as done. */
export async function atMost<T>(ms: number, work: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined
  const deadline = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, ms, undefined)
  })
  try {
    return await Promise.race([work.then(undefined, noop), deadline])
  } finally {
    clearTimeout(timer)
  }
}

/** Rejects with what `reason()` gives as soon as the signal aborts; otherwise settles like `work`. `work` must end by
 * itself once its owner tears down what it waits for, which is what `onAbort` does. */
export async function unlessAborted<T>(
  signal: AbortSignal,
  work: Promise<T>,
  onAbort: () => void,
  reason: () => Error,
): Promise<T> {
  let listener: (() => void) | undefined
  const aborted = new Promise<never>((_, reject) => {
    listener = () => {
      onAbort()
      reject(reason())
    }
    if (signal.aborted) listener()
    else signal.addEventListener('abort', listener, { once: true })
  })
  try {
    return await Promise.race([work, aborted])
  } finally {
    if (listener !== undefined) signal.removeEventListener('abort', listener)
    // The loser of the race must not surface as an unhandled rejection; its outcome is already decided.
    work.then(noop, noop)
    aborted.then(noop, noop)
  }
}

function noop(): undefined {
  // Whoever won the race decides the outcome; for a close there is nothing left to decide.
  return undefined
}
