import type { Classification } from '../../core/driver.js'
import type { ErrorCode } from '../../errors/index.js'

/** An answer other than 2xx. Holds nothing of its text but codes of the closed list below. */
export class HttpError extends Error {
  readonly status: number
  /** The first error's code, where it is one that may be shown. */
  readonly code: string | undefined
  /** Seconds that the server asks to wait. */
  readonly retryAfter: number | undefined
  /** Whether the body was that of a GraphQL service. */
  readonly graphql: boolean

  constructor(
    status: number,
    options: { code?: string | undefined; retryAfter?: number | undefined; graphql?: boolean },
  ) {
    super(`HTTP ${status}`)
    this.status = status
    this.code = options.code
    this.retryAfter = options.retryAfter
    this.graphql = options.graphql ?? false
  }
}

/** An answer with `errors`. Holds the code of the first of them, where it may be shown, and no text. */
export class GraphqlErrors extends Error {
  readonly code: string | undefined
  /** Something of the request was done: `data` came too. */
  readonly hasData: boolean

  constructor(code: string | undefined, hasData: boolean) {
    super('GraphQL errors')
    this.code = code
    this.hasData = hasData
  }
}

/** Codes of `errors[].extensions.code` (or `type`) that servers and gateways are known to use. Any other may hold data. */
const KNOWN: Readonly<Record<string, ErrorCode>> = {
  UNAUTHENTICATED: 'AUTH_FAILED',
  UNAUTHORIZED: 'AUTH_FAILED',
  INVALID_TOKEN: 'AUTH_FAILED',
  FORBIDDEN: 'PRIVILEGE_MISSING',
  ACCESS_DENIED: 'PRIVILEGE_MISSING',
  INSUFFICIENT_SCOPES: 'PRIVILEGE_MISSING',
  THROTTLED: 'RATE_LIMITED',
  RATE_LIMITED: 'RATE_LIMITED',
  RATE_LIMIT: 'RATE_LIMITED',
  TOO_MANY_REQUESTS: 'RATE_LIMITED',
  GRAPHQL_PARSE_FAILED: 'SQL_INVALID',
  GRAPHQL_VALIDATION_FAILED: 'SQL_INVALID',
  BAD_REQUEST: 'SQL_INVALID',
  BAD_USER_INPUT: 'QUERY_FAILED',
  MAX_COST_EXCEEDED: 'QUERY_FAILED',
  MAX_NODE_LIMIT_EXCEEDED: 'QUERY_FAILED',
  PERSISTED_QUERY_NOT_FOUND: 'QUERY_FAILED',
  NOT_FOUND: 'QUERY_FAILED',
  CONFLICT: 'QUERY_FAILED',
  TIMEOUT: 'QUERY_FAILED',
  INTERNAL_SERVER_ERROR: 'QUERY_FAILED',
  INTERNAL_ERROR: 'QUERY_FAILED',
  SERVICE_UNAVAILABLE: 'SERVER_STARTING',
  'constraint-violation': 'CONSTRAINT_VIOLATED',
  'permission-error': 'PRIVILEGE_MISSING',
  'access-denied': 'AUTH_FAILED',
  'invalid-jwt': 'AUTH_FAILED',
  'validation-failed': 'SQL_INVALID',
  'parse-failed': 'SQL_INVALID',
}

/** A code that may be shown; undefined for any other value. */
export function shownCode(value: unknown): string | undefined {
  return typeof value === 'string' && Object.hasOwn(KNOWN, value) ? value : undefined
}

/** Whether this is the server's word that it takes no more for now, and did nothing. */
export function isThrottled(error: unknown): boolean {
  if (error instanceof HttpError) return error.status === 429 || isThrottledCode(error.code)
  return error instanceof GraphqlErrors && !error.hasData && isThrottledCode(error.code)
}

function isThrottledCode(code: string | undefined): boolean {
  return code !== undefined && KNOWN[code] === 'RATE_LIMITED'
}

/** Whether a request that may be done twice can be sent again: the server was not ready, or the answer never came. */
export function isTransient(error: unknown): boolean {
  if (error instanceof HttpError) return [502, 503, 504].includes(error.status)
  return typeof error === 'object' && error !== null && 'code' in error && LOST.has(String(error.code))
}

const LOST: ReadonlySet<string> = new Set([
  'UND_ERR_SOCKET',
  'UND_ERR_RES_CONTENT_LENGTH_MISMATCH',
  'ECONNRESET',
  'EPIPE',
  'AIRLOCK_CUT',
])

const BY_STATUS: Readonly<Record<number, ErrorCode>> = {
  400: 'SQL_INVALID',
  401: 'AUTH_FAILED',
  403: 'PRIVILEGE_MISSING',
  404: 'PROTOCOL_ERROR',
  405: 'PROTOCOL_ERROR',
  406: 'PROTOCOL_ERROR',
  415: 'PROTOCOL_ERROR',
  413: 'ROW_TOO_LARGE',
  429: 'RATE_LIMITED',
  502: 'SERVER_STARTING',
  503: 'SERVER_STARTING',
  504: 'SERVER_STARTING',
}

/** Errors of the HTTP client, by its codes; https://undici.nodejs.org/#/docs/api/Errors */
const BY_CLIENT: Readonly<Record<string, ErrorCode>> = {
  UND_ERR_SOCKET: 'CONNECT_RESET',
  UND_ERR_CLOSED: 'CONNECT_RESET',
  UND_ERR_DESTROYED: 'CONNECT_RESET',
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'CONNECT_RESET',
  AIRLOCK_CUT: 'CONNECT_RESET',
  UND_ERR_CONNECT_TIMEOUT: 'CONNECT_TIMEOUT',
  UND_ERR_HEADERS_TIMEOUT: 'DEADLINE_EXCEEDED',
  UND_ERR_BODY_TIMEOUT: 'DEADLINE_EXCEEDED',
  UND_ERR_HEADERS_OVERFLOW: 'PROTOCOL_ERROR',
  UND_ERR_RES_EXCEEDED_MAX_SIZE: 'RESPONSE_TOO_LARGE',
}

/** What an answer of a GraphQL service or an error of the HTTP client is in Airlock's terms. */
export function classifyGraphqlError(error: unknown): Classification | undefined {
  if (error instanceof GraphqlErrors) return byCode(error.code) ?? { code: 'QUERY_FAILED', origin: 'GRAPHQL_ERRORS' }
  if (error instanceof HttpError) return classifyAnswer(error)
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined
  const name = String(error.code)
  // The parser has no code for everything that is no HTTP.
  if ('name' in error && error.name === 'HTTPParserError') return { code: 'PROTOCOL_ERROR' }
  const code = Object.hasOwn(BY_CLIENT, name) ? BY_CLIENT[name] : undefined
  return code === undefined ? undefined : { code }
}

function classifyAnswer({ status, code, graphql }: HttpError): Classification {
  if (status >= 300 && status < 400) return { code: 'REDIRECT_REFUSED' }
  if (status === 400 && !graphql) return { code: 'PROTOCOL_ERROR', origin: 'HTTP_400' }
  const known = byCode(code)
  // A status of the 400s says who is to blame; a code says more only where the status is a general one.
  if (known !== undefined && (status === 400 || status === 200 || status === 422 || status >= 500)) return known
  return { code: BY_STATUS[status] ?? 'QUERY_FAILED', origin: code ?? `HTTP_${status}` }
}

function byCode(code: string | undefined): Classification | undefined {
  return code === undefined ? undefined : { code: KNOWN[code] ?? 'QUERY_FAILED', origin: code }
}
