import type { Classification } from '../../../core/driver.js'
import type { ErrorCode } from '../../../errors/index.js'
import { classifyPostgresError } from '../../postgres/index.js'

/** An answer other than success. Holds nothing of its text but an allow-listed code. */
export class RestError extends Error {
  readonly status: number
  /** A SQLSTATE, or a PostgREST code such as `PGRST204`. */
  readonly code: string | undefined

  /** Seconds that the server asks to wait. */
  readonly retryAfter: number | undefined

  constructor(status: number, code: string | undefined, retryAfter: string | undefined) {
    super(`HTTP ${status}`)
    this.status = status
    this.code = code
    this.retryAfter = retryAfter !== undefined && /^\d{1,6}$/.test(retryAfter) ? Number(retryAfter) : undefined
  }
}

/** Tells that a request may be sent again: the server did not take it, or never saw all of it. */
export function isTransient(error: unknown): boolean {
  if (error instanceof RestError) return [429, 502, 503, 504].includes(error.status)
  return typeof error === 'object' && error !== null && 'code' in error && LOST.has(String(error.code))
}

const LOST: ReadonlySet<string> = new Set(['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE', 'AIRLOCK_LOST'])

const BY_STATUS: Readonly<Record<number, ErrorCode>> = {
  400: 'SQL_INVALID',
  401: 'AUTH_FAILED',
  403: 'PRIVILEGE_MISSING',
  404: 'TABLE_NOT_FOUND',
  409: 'CONSTRAINT_VIOLATED',
  413: 'ROW_TOO_LARGE',
  429: 'RATE_LIMITED',
  503: 'SERVER_STARTING',
}

/** Errors of the HTTP client, by its codes; https://undici.nodejs.org/#/docs/api/Errors */
const BY_CLIENT: Readonly<Record<string, ErrorCode>> = {
  UND_ERR_SOCKET: 'CONNECT_RESET',
  UND_ERR_CLOSED: 'CONNECT_RESET',
  UND_ERR_DESTROYED: 'CONNECT_RESET',
  UND_ERR_REQ_CONTENT_LENGTH_MISMATCH: 'PROTOCOL_ERROR',
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'CONNECT_RESET',
  UND_ERR_CONNECT_TIMEOUT: 'CONNECT_TIMEOUT',
  UND_ERR_HEADERS_TIMEOUT: 'DEADLINE_EXCEEDED',
  UND_ERR_BODY_TIMEOUT: 'DEADLINE_EXCEEDED',
  UND_ERR_HEADERS_OVERFLOW: 'PROTOCOL_ERROR',
  UND_ERR_RES_EXCEEDED_MAX_SIZE: 'RESPONSE_TOO_LARGE',
}

/** What an answer of PostgREST or an error of the HTTP client is in Airlock's terms. */
export function classifyRestError(error: unknown): Classification | undefined {
  if (error instanceof RestError) return classifyAnswer(error)
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined
  const name = String(error.code)
  // The parser has no code for everything that is no HTTP.
  if ('name' in error && error.name === 'HTTPParserError') return { code: 'PROTOCOL_ERROR' }
  const code = BY_CLIENT[name]
  return code === undefined ? undefined : { code }
}

function classifyAnswer({ status, code }: RestError): Classification {
  if (status >= 300 && status < 400) return { code: 'REDIRECT_REFUSED' }
  // PostgREST hands the SQLSTATE of the database on.
  const state = code === undefined ? undefined : classifyPostgresError({ code, severity: 'ERROR' })
  const known = BY_STATUS[status]
  if (state !== undefined && (known === undefined || status === 400 || status === 409)) return state
  const origin = code ?? `HTTP_${status}`
  return { code: known ?? 'QUERY_FAILED', origin }
}
