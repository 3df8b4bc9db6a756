import type { Classification } from '../../core/driver.js'
import type { ErrorCode } from '../../errors/index.js'

/** SQLSTATEs that mean something of their own; https://www.postgresql.org/docs/17/errcodes-appendix.html */
const BY_STATE: Readonly<Record<string, ErrorCode>> = {
  '28P01': 'AUTH_FAILED',
  '28000': 'AUTH_FAILED',
  '3D000': 'DATABASE_NOT_FOUND',
  '53300': 'TOO_MANY_CONNECTIONS',
  '57P03': 'SERVER_STARTING',
  '57P01': 'CONNECTION_LOST',
  '57P02': 'CONNECTION_LOST',
  '57P05': 'CONNECTION_LOST',
  '25P03': 'CONNECTION_LOST',
  '42501': 'PRIVILEGE_MISSING',
  '42P01': 'TABLE_NOT_FOUND',
  '3F000': 'TABLE_NOT_FOUND',
  '42703': 'SQL_INVALID',
  '42601': 'SQL_INVALID',
  '55P03': 'LOCK_TIMEOUT',
  '40P01': 'DEADLOCK',
  '40001': 'DEADLOCK',
  '57014': 'STATEMENT_TIMEOUT',
  '53100': 'DISK_FULL',
  '53200': 'SERVER_LIMIT',
  '53400': 'SERVER_LIMIT',
  '54000': 'ROW_TOO_LARGE',
  '25006': 'READ_ONLY',
}

/** Classes of SQLSTATEs, by their first two characters. */
const BY_CLASS: Readonly<Record<string, ErrorCode>> = {
  '08': 'CONNECT_RESET',
  '22': 'VALUE_REJECTED',
  '23': 'CONSTRAINT_VIOLATED',
  '28': 'AUTH_FAILED',
  '42': 'SQL_INVALID',
  '54': 'ROW_TOO_LARGE',
}

/** Marks of errors that this driver's `native.ts` raises itself, where the library has only text. */
const BY_MARK: Readonly<Record<string, ErrorCode>> = {
  AIRLOCK_TLS_REFUSED: 'TLS_REFUSED',
  AIRLOCK_CLEARTEXT: 'CLEARTEXT_REFUSED',
  AIRLOCK_LOST: 'CONNECT_RESET',
  AIRLOCK_NO_PASSWORD: 'AUTH_FAILED',
  AIRLOCK_PASSWORD: 'AUTH_FAILED',
  AIRLOCK_PROTOCOL: 'PROTOCOL_ERROR',
}

/** pg has no code for a connection that ended under a query, only text: its errors without one are of this kind. */
export function lossOrError(error: unknown): unknown {
  const named = typeof error === 'object' && error !== null && 'code' in error && error.code !== undefined
  return named ? error : marked('AIRLOCK_LOST')
}

/** Whether the server has no COPY, or will not do it here: some poolers, proxies and relatives of Postgres. */
export function isRefusedCopy(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && error.code === '0A000' && 'severity' in error
}

/** An error of our own, for `classifyPostgresError`. */
export function marked(code: string): Error {
  return Object.assign(new Error('postgres connection'), { code })
}

/** What an error of pg or of the server is in Airlock's terms. Decides by SQLSTATE, never by text. */
export function classifyPostgresError(error: unknown): Classification | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error) || typeof error.code !== 'string')
    return undefined
  const mark = BY_MARK[error.code]
  if (mark !== undefined) return { code: mark }
  if (!/^[0-9A-Z]{5}$/.test(error.code) || !('severity' in error)) return undefined
  const code = BY_STATE[error.code] ?? BY_CLASS[error.code.slice(0, 2)] ?? 'QUERY_FAILED'
  return { code, origin: error.code }
}
