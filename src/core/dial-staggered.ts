import type { Socket } from 'node:net'
import { atMost } from './bounded.js'
import { type Candidate, dial } from './dial.js'

/** An address that has not accepted for so long does not hold up the next one ("Connection Attempt Delay", RFC 8305
 * section 5). */
const DELAY_MS = 250

/** How the dialling of one candidate ended. */
export type Dialled =
  | { readonly candidate: Candidate; readonly socket: Socket }
  | { readonly candidate: Candidate; readonly error: unknown }

/** Dials the candidates in order and gives each as soon as it has accepted or failed. One that does neither within 250 ms
 * stays in the race while the next is dialled, so that neither a black hole costs more than that, nor a far address is
 * given up early. Whoever stops iterating owns the sockets that it was given; the others are destroyed. */
export async function* dialStaggered(
  candidates: readonly Candidate[],
  signal: AbortSignal,
): AsyncGenerator<Dialled, void, undefined> {
  const left = new AbortController()
  const stop = AbortSignal.any([signal, left.signal])
  const pending = new Map<Candidate, Promise<Dialled>>()
  const waiting = [...candidates]
  try {
    while (waiting.length > 0 || pending.size > 0) {
      const next = waiting.shift()
      if (next !== undefined) pending.set(next, outcome(next, stop))
      const first = Promise.race(pending.values())
      const dialled = await (waiting.length > 0 ? atMost(DELAY_MS, first) : first)
      // What was not begun in time is no attempt.
      if (signal.aborted) waiting.length = 0
      if (dialled === undefined) continue
      pending.delete(dialled.candidate)
      yield dialled
    }
  } finally {
    left.abort()
    for (const dialled of await Promise.all(pending.values())) if ('socket' in dialled) dialled.socket.destroy()
  }
}

async function outcome(candidate: Candidate, signal: AbortSignal): Promise<Dialled> {
  try {
    return { candidate, socket: await dial(candidate.address, signal) }
  } catch (error) {
    return { candidate, error }
  }
}
