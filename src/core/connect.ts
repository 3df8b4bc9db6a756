import type { Socket } from 'node:net'
import { AirlockError, type ErrorCode } from '../errors/index.js'
import { unlessAborted } from './bounded.js'
import type { TlsConfig } from './config-fields.js'
import { type Candidate, dial, type Lookup, resolveCandidates } from './dial.js'
import { dialStaggered } from './dial-staggered.js'
import type { Endpoint, OpenContext, Session } from './driver.js'
import type { ErrorBoundary } from './errors-at-boundary.js'
import type { SessionPorts } from './ports.js'
import { resolveTls } from './tls.js'

/** How far connecting has come, as far as the shared code can see; TLS and authentication are the driver's. */
export type ConnectStep = 'dns' | 'tcp'

/** What the attempt loop needs to know. */
export interface ConnectRequest {
  readonly endpoints: readonly Endpoint[]
  readonly tls: TlsConfig | undefined
  /** For the whole of DNS, TCP, TLS, greeting and authentication over all attempts. */
  readonly timeoutMs: number
  readonly signal: AbortSignal | undefined
  readonly boundary: ErrorBoundary
  readonly ports: SessionPorts
  readonly lookup?: Lookup
  /** Told when names have become addresses, and when one of them has accepted. */
  readonly onStep?: (step: ConnectStep) => void
  open(context: OpenContext): Promise<Session>
}

/** A session and the one socket under it, which its owner destroys last. */
export interface Connected {
  readonly session: Session
  readonly socket: Socket
}

/** Tried again at another address these would only lock the account or fail the same way. */
const FINAL: ReadonlySet<ErrorCode> = new Set([
  'AUTH_FAILED',
  'DATABASE_NOT_FOUND',
  'TOO_MANY_CONNECTIONS',
  'CLEARTEXT_REFUSED',
  'TLS_UNTRUSTED',
  'TLS_NAME_MISMATCH',
  'TLS_EXPIRED',
  'TLS_REFUSED',
  'CONFIG_INVALID',
  'INTERRUPTED',
  'TERMINATED',
  'ABORTED',
])

/** Opens a session at the first candidate that completes TCP, TLS, greeting and authentication. Addresses are dialled in
 * order and staggered; one after the other, those that accept get a fair share of the time that is left, so that one which
 * accepts and then stalls is given up too. Each attempt owns one socket, destroyed unless it became the result. An
 * authentication failure ends the loop. */
export async function connect(request: ConnectRequest): Promise<Connected> {
  const { boundary, ports } = request
  const deadline = performance.now() + request.timeoutMs
  const overall = AbortSignal.timeout(request.timeoutMs)
  const signals = request.signal === undefined ? [overall] : [overall, request.signal]
  let attempts = 0
  let failure: AirlockError | undefined
  try {
    const signal = AbortSignal.any(signals)
    const candidates = await resolveCandidates(request.endpoints, signal, request.lookup)
    request.onStep?.('dns')
    for await (const dialled of dialStaggered(candidates, signal)) {
      attempts++
      const share = AbortSignal.timeout(
        Math.ceil(Math.max(0, deadline - performance.now()) / (candidates.length - attempts + 1)),
      )
      try {
        if ('error' in dialled) throw dialled.error
        request.onStep?.('tcp')
        const session = await logIn(dialled.socket, dialled.candidate, AbortSignal.any([signal, share]), request)
        ports.telemetry?.add({ connections_opened: 1 })
        return { session, socket: dialled.socket }
      } catch (error) {
        ports.telemetry?.add({ connections_failed: 1 })
        failure = moreTelling(failure, connectError(error, boundary, request.signal, attempts))
        if (FINAL.has(failure.code)) throw failure
      }
    }
  } catch (error) {
    throw error === failure ? failure : connectError(error, boundary, request.signal, attempts)
  }
  throw failure ?? new AirlockError('CONNECT_TIMEOUT', { phase: 'connect', attempts })
}

/** TLS, greeting and authentication over the socket of one attempt, which is destroyed unless they succeed. */
async function logIn(
  socket: Socket,
  candidate: Candidate,
  signal: AbortSignal,
  request: ConnectRequest,
): Promise<Session> {
  // Whoever listens to the session hears of it; without a listener an error here would end the process.
  socket.on('error', ignoreLateError)
  try {
    // Not left to the driver: one that does not notice its socket is gone would hold up the next address.
    const session = await unlessAborted(
      signal,
      request.open({
        socket,
        endpoint: candidate.endpoint,
        tls: resolveTls(request.tls, candidate.endpoint),
        signal,
        lookup: request.lookup,
        dialAgain: (again) => dial(candidate.address, again),
      }),
      () => socket.destroy(),
      () => signal.reason as Error,
    )
    if (signal.aborted) throw signal.reason
    return session
  } catch (error) {
    socket.destroy()
    // The driver's own error is a consequence of the abort, and says less than its reason.
    throw signal.aborted ? signal.reason : error
  }
}

function ignoreLateError(): void {
  // The operation that was using the socket has been told by the client library.
}

/** A deadline of ours during connecting is a connect timeout, not the caller's abort. */
function connectError(
  error: unknown,
  boundary: ErrorBoundary,
  signal: AbortSignal | undefined,
  attempts: number,
): AirlockError {
  if (!signal?.aborted && error instanceof DOMException && error.name === 'TimeoutError') {
    return new AirlockError('CONNECT_TIMEOUT', { phase: 'connect', attempts })
  }
  return boundary.translate(error, 'connect', signal, attempts)
}

/** Of two failed attempts the one that got further says more about what to fix. */
function moreTelling(before: AirlockError | undefined, now: AirlockError): AirlockError {
  const unreached: ReadonlySet<ErrorCode> = new Set(['HOST_NOT_FOUND', 'CONNECT_UNREACHABLE', 'CONNECT_REFUSED'])
  return before !== undefined && unreached.has(now.code) && !unreached.has(before.code) ? before : now
}
