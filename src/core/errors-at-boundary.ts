import { AirlockError, classifyNetworkError, newRef, type Phase } from '../errors/index.js'
import type { Classification } from './driver.js'
import type { DebugPort } from './ports.js'

/** Turns whatever a client library threw into an AirlockError. Nothing of the original survives but an allow-listed origin
 * code; the original goes, masked, to the debug sink under the error's ref. */
export class ErrorBoundary {
  #classify: (error: unknown) => Classification | undefined
  #debug: DebugPort | undefined
  #connection: string | undefined

  /** `connection` is the name that errors are attributed to. */
  constructor(
    classify: (error: unknown) => Classification | undefined,
    debug: DebugPort | undefined,
    connection: string | undefined,
  ) {
    this.#classify = classify
    this.#debug = debug
    this.#connection = connection
  }

  /** `attempts` is said in the message of a connect error. An aborted signal wins over what the abort provoked. */
  translate(error: unknown, phase: Phase, signal?: AbortSignal, attempts?: number): AirlockError {
    // What may have happened to the data weighs more than why we left.
    if (error instanceof AirlockError && (error.code === 'OUTCOME_UNKNOWN' || error.code === 'ROWS_REJECTED')) {
      return error.attribute(this.#connection)
    }
    if (signal?.aborted) return abortError(signal, phase)
    if (error instanceof AirlockError) return error.attribute(this.#connection)
    const known = this.#classify(error) ?? classifyNetworkError(error)
    const code = known?.code ?? (phase === 'connect' ? 'CONNECT_RESET' : 'QUERY_FAILED')
    const ref = newRef()
    this.#debug?.record({ ref, phase, error })
    return new AirlockError(phase === 'connect' ? code : afterConnect(code), {
      phase,
      ref,
      ...(known?.origin === undefined ? {} : { origin: known.origin }),
      ...(attempts === undefined ? {} : { attempts }),
    }).attribute(this.#connection)
  }
}

/** The error that an aborted signal stands for: its reason if that is one of ours, else ABORTED. */
export function abortError(signal: AbortSignal, phase: Phase): AirlockError {
  if (signal.reason instanceof AirlockError) return signal.reason
  const timedOut = signal.reason instanceof DOMException && signal.reason.name === 'TimeoutError'
  return new AirlockError(timedOut ? 'DEADLINE_EXCEEDED' : 'ABORTED', { phase })
}

/** A reset socket is a failed connect before the session exists, and a lost connection after. */
function afterConnect(code: AirlockError['code']): AirlockError['code'] {
  return code === 'CONNECT_RESET' ||
    code === 'CONNECT_TIMEOUT' ||
    code === 'CONNECT_UNREACHABLE' ||
    code === 'CONNECT_REFUSED'
    ? 'CONNECTION_LOST'
    : code
}
