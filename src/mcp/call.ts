import type { ServerContext } from '@modelcontextprotocol/server'
import { AirlockError } from '../errors/index.js'
import { errorOfChild } from './agent-error.js'
import type { Envelope } from './envelope.js'
import type { ServerState } from './server-state.js'
import type { Call, CliWords } from './tool.js'

/** What an envelope may be larger than the values in it: JSON, names, types. */
const ENVELOPE_FACTOR = 4
const ENVELOPE_BASE = 4 * 2 ** 20

/** The call that a request of the SDK stands for. */
export function callOf(id: string, context: ServerContext, state: ServerState): Call {
  const { limits } = state.policy
  const signal = abortedAsOurs(AbortSignal.any([context.mcpReq.signal, state.signal]))
  const tryCli = async ({ deadlineMs, ...words }: CliWords): Promise<Envelope> =>
    await state.bridge.call(
      {
        ...words,
        id,
        deadlineMs: deadlineMs ?? limits.timeout_seconds * 1000,
        maxBytes: ENVELOPE_BASE + ENVELOPE_FACTOR * limits.max_bytes,
      },
      signal,
    )
  return {
    id,
    state,
    signal,
    client: context.http?.authInfo?.clientId,
    tryCli,
    async cli(words) {
      const envelope = await tryCli(words)
      if (envelope.ok) return envelope
      throw errorOfChild(envelope)
    },
  }
}

/** The same signal with a reason of ours: what a client says on cancelling goes nowhere. */
function abortedAsOurs(signal: AbortSignal): AbortSignal {
  const controller = new AbortController()
  const abort = () => controller.abort(new AirlockError('ABORTED', { phase: 'run' }))
  if (signal.aborted) abort()
  else signal.addEventListener('abort', abort, { once: true })
  return controller.signal
}
