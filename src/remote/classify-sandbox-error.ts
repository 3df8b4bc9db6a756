import { type FaultClass, type FaultDetails, SandboxFault } from './sandbox-fault.js'

/** What the caller knows about a call that failed. */
export interface FaultContext {
  /** Whether the caller gave up. */
  readonly aborted: boolean
  /** Whether the time of the call was up. */
  readonly expired: boolean
  readonly retryAfterMs?: number | undefined
  /** Asks the sandbox itself; undefined where it cannot be known. Left out for calls that no sandbox answers. */
  readonly isAlive?: () => Promise<boolean | undefined>
}

interface Reading {
  readonly faultClass: FaultClass
  readonly status?: number
  /** A sandbox that is gone looks the same: it has to be asked. */
  readonly doubtful?: boolean
}

/** The one class of whatever a call to the platform ended with. Works from the names of the errors of `e2b` 2.x, from HTTP
 * statuses and from Connect codes (https://connectrpc.com/docs/protocol#error-codes); the library has the latter two in
 * front of its texts only. It calls a sandbox that is gone by five names, all of which may also mean a proxy that answers
 * 502 or a connection that broke, so in doubt the sandbox is asked. Never throws. */
export async function classifySandboxError(error: unknown, context: FaultContext): Promise<SandboxFault> {
  if (error instanceof SandboxFault) return error
  if (context.aborted) return new SandboxFault('aborted')
  if (context.expired) return new SandboxFault('deadline')
  const reading = read(error)
  if (reading.doubtful === true && context.isAlive !== undefined) {
    const isAlive = await context.isAlive()
    if (isAlive === false) return new SandboxFault('gone', statusOf(reading))
    // What was said to be gone lives, or nobody knows: something between here and there answered in its place.
    if (reading.faultClass === 'gone') {
      return new SandboxFault(isAlive === true ? 'server_error' : 'connection_lost', statusOf(reading))
    }
  }
  const wait = context.retryAfterMs
  return new SandboxFault(reading.faultClass, {
    ...statusOf(reading),
    ...(wait === undefined ? {} : { retryAfterMs: wait }),
  })
}

/** The class of an HTTP status that is no success. */
export function faultOfStatus(status: number): FaultClass {
  if (status >= 300 && status < 400) return 'refused'
  if (status === 401 || status === 403) return 'auth'
  if (status === 404) return 'not_found'
  if (status === 429) return 'rate_limited'
  if (status === 503) return 'busy'
  if (status === 507) return 'no_space'
  return status >= 500 ? 'server_error' : 'invalid'
}

const BY_NAME: Readonly<Record<string, Reading>> = {
  AuthenticationError: { faultClass: 'auth' },
  RateLimitError: { faultClass: 'rate_limited' },
  ServiceBusyError: { faultClass: 'busy', status: 503 },
  NotEnoughSpaceError: { faultClass: 'no_space' },
  FileNotFoundError: { faultClass: 'not_found' },
  NotFoundError: { faultClass: 'not_found' },
  SandboxNotFoundError: { faultClass: 'gone', doubtful: true },
  InvalidArgumentError: { faultClass: 'invalid' },
  TemplateError: { faultClass: 'refused' },
}

const BY_CONNECT_CODE: Readonly<Record<string, Reading>> = {
  unknown: { faultClass: 'connection_lost', doubtful: true },
  canceled: { faultClass: 'deadline' },
  deadline_exceeded: { faultClass: 'deadline' },
  unavailable: { faultClass: 'gone', doubtful: true },
  internal: { faultClass: 'server_error' },
  data_loss: { faultClass: 'server_error' },
  aborted: { faultClass: 'server_error' },
  unimplemented: { faultClass: 'server_error' },
  resource_exhausted: { faultClass: 'rate_limited' },
  permission_denied: { faultClass: 'auth' },
  unauthenticated: { faultClass: 'auth' },
  not_found: { faultClass: 'not_found' },
  invalid_argument: { faultClass: 'invalid' },
  failed_precondition: { faultClass: 'invalid' },
  already_exists: { faultClass: 'invalid' },
  out_of_range: { faultClass: 'invalid' },
}

const UNKNOWN: Reading = { faultClass: 'unknown' }

function read(error: unknown): Reading {
  if (!(error instanceof Error)) return UNKNOWN
  if (error instanceof DOMException)
    return { faultClass: error.name === 'TimeoutError' ? 'deadline' : 'connection_lost' }
  const named = Object.hasOwn(BY_NAME, error.name) ? BY_NAME[error.name] : undefined
  if (named !== undefined) return named
  if (error.name === 'TimeoutError') return ofConnectCode(error) ?? { faultClass: 'gone', doubtful: true }
  if (error.name === 'SandboxError') return ofStatus(error) ?? ofConnectCode(error) ?? UNKNOWN
  return ofTransport(error)
}

/** `500: …`, or the status that errors of the control plane carry. */
function ofStatus(error: Error): Reading | undefined {
  const carried = 'statusCode' in error && typeof error.statusCode === 'number' ? error.statusCode : undefined
  const status = carried ?? Number(/^([1-5]\d\d): /.exec(error.message)?.[1] ?? Number.NaN)
  return Number.isNaN(status) ? undefined : { faultClass: faultOfStatus(status), status }
}

/** `[unavailable] …` or `2: [unknown] …`. An answer that is no Connect message is `[internal] HTTP 400`, with a code that
 * says less than the status; a proxy that finds nobody behind it answers 502 or 504. */
function ofConnectCode(error: Error): Reading | undefined {
  const [, code, http] = /^(?:\d{1,2}: )?\[([a-z_]+)\](?: HTTP (\d{3})\b)?/.exec(error.message) ?? []
  const status = Number(http)
  if (status >= 300 && status !== 502 && status !== 504) return { faultClass: faultOfStatus(status), status }
  return code !== undefined && Object.hasOwn(BY_CONNECT_CODE, code) ? BY_CONNECT_CODE[code] : undefined
}

/** What undici and the sockets below it throw. `fetch` wraps it into a TypeError, which may also be an answer that could
 * not be read. */
function ofTransport(error: Error): Reading {
  const code = codeOf(error) ?? codeOf(error.cause)
  if (code === undefined) {
    const isFetch = error instanceof TypeError && /^(?:fetch failed|terminated)$/.test(error.message)
    return isFetch ? { faultClass: 'connection_lost', doubtful: true } : UNKNOWN
  }
  if (/^(?:UND_ERR_(?:HEADERS|BODY|CONNECT)_TIMEOUT|ETIMEDOUT)$/.test(code)) return { faultClass: 'deadline' }
  if (/CERT|^ERR_TLS|^ERR_SSL|SIGNATURE/.test(code)) return { faultClass: 'refused' }
  return { faultClass: 'connection_lost', doubtful: true }
}

function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}

function statusOf({ status }: Reading): FaultDetails {
  return status === undefined ? {} : { status }
}
