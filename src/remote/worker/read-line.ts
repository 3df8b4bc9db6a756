import type { Readable } from 'node:stream'
import { abortError } from '../../core/errors-at-boundary.js'

/** The first line of a stream as text, without its end; undefined where the stream ends before, or the line is longer than
 * `maxBytes`. Reads nothing further and lets go of the stream. Throws the abort's error. */
export async function readLine(input: Readable, maxBytes: number, signal: AbortSignal): Promise<string | undefined> {
  const parts: Buffer[] = []
  let size = 0
  const stop = () => input.destroy(abortError(signal, 'remote'))
  if (signal.aborted) stop()
  else signal.addEventListener('abort', stop, { once: true })
  try {
    for await (const chunk of input as AsyncIterable<Buffer>) {
      const end = chunk.indexOf(0x0a)
      const part = end < 0 ? chunk : chunk.subarray(0, end)
      size += part.length
      if (size > maxBytes) return undefined
      parts.push(part)
      if (end >= 0) return Buffer.concat(parts).toString('utf8')
    }
    return undefined
  } finally {
    signal.removeEventListener('abort', stop)
    input.destroy()
    // What was sealed is sealed still; the less of it lies about, the better.
    for (const part of parts) part.fill(0)
  }
}
