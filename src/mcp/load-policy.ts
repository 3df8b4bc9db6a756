import { AirlockError } from '../errors/index.js'
import { CliBridge, type CliBridgeOptions } from './cli-bridge.js'
import type { Envelope } from './envelope.js'
import { type ServerPolicy, serverPolicy } from './policy.js'
import { newCallId } from './recorder.js'

const DEADLINE_MS = 30_000
const MOST_BYTES = 4 * 2 ** 20

/** What the configuration allows, from a child that reads it; or what the child failed with, for the operator to see.
 * Throws CHILD_FAILED for an answer that is no policy. */
export async function loadPolicy(
  from: Omit<CliBridgeOptions, 'maxConcurrent' | 'maxQueued'>,
  signal: AbortSignal,
): Promise<ServerPolicy | Extract<Envelope, { readonly ok: false }>> {
  const bridge = new CliBridge({ ...from, maxConcurrent: 1, maxQueued: 0 })
  const call = { args: ['mcp', 'policy'], id: newCallId(), deadlineMs: DEADLINE_MS, maxBytes: MOST_BYTES }
  const envelope = await bridge.call(call, signal)
  if (!envelope.ok) return envelope
  const found = serverPolicy.safeParse(envelope.data)
  if (!found.success) throw new AirlockError('CHILD_FAILED', { phase: 'config' })
  return found.data
}
