import type { ErrorCode } from './codes.js'

const NETWORK: Readonly<Record<string, ErrorCode>> = {
  ENOTFOUND: 'HOST_NOT_FOUND',
  EAI_AGAIN: 'HOST_NOT_FOUND',
  ENODATA: 'HOST_NOT_FOUND',
  EAI_NODATA: 'HOST_NOT_FOUND',
  EAI_NONAME: 'HOST_NOT_FOUND',
  EAI_FAIL: 'HOST_NOT_FOUND',
  ECONNREFUSED: 'CONNECT_REFUSED',
  ENOENT: 'CONNECT_REFUSED',
  EHOSTUNREACH: 'CONNECT_UNREACHABLE',
  ENETUNREACH: 'CONNECT_UNREACHABLE',
  EADDRNOTAVAIL: 'CONNECT_UNREACHABLE',
  EAFNOSUPPORT: 'CONNECT_UNREACHABLE',
  EACCES: 'CONNECT_UNREACHABLE',
  ETIMEDOUT: 'CONNECT_TIMEOUT',
  ECONNRESET: 'CONNECT_RESET',
  EPIPE: 'CONNECT_RESET',
  ECONNABORTED: 'CONNECT_RESET',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'TLS_UNTRUSTED',
  SELF_SIGNED_CERT_IN_CHAIN: 'TLS_UNTRUSTED',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'TLS_UNTRUSTED',
  UNABLE_TO_GET_ISSUER_CERT: 'TLS_UNTRUSTED',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'TLS_UNTRUSTED',
  CERT_UNTRUSTED: 'TLS_UNTRUSTED',
  CERT_REJECTED: 'TLS_UNTRUSTED',
  CERT_SIGNATURE_FAILURE: 'TLS_UNTRUSTED',
  CERT_REVOKED: 'TLS_UNTRUSTED',
  INVALID_CA: 'TLS_UNTRUSTED',
  INVALID_PURPOSE: 'TLS_UNTRUSTED',
  CERT_HAS_EXPIRED: 'TLS_EXPIRED',
  CERT_NOT_YET_VALID: 'TLS_EXPIRED',
  ERR_TLS_CERT_ALTNAME_INVALID: 'TLS_NAME_MISMATCH',
  HOSTNAME_MISMATCH: 'TLS_NAME_MISMATCH',
  EPROTO: 'TLS_FAILED',
  ERR_SSL_WRONG_VERSION_NUMBER: 'TLS_FAILED',
}

/** What a network, DNS or TLS error of Node is in Airlock's terms: `{ code, origin }`, or undefined for any other error.
 * Decides by the `code` property alone, through `AggregateError.errors` too (whose own message is empty), never by text. */
export function classifyNetworkError(error: unknown): { code: ErrorCode; origin: string } | undefined {
  for (const origin of nativeCodes(error, 0)) {
    const code = NETWORK[origin] ?? (origin.startsWith('ERR_SSL_') ? 'TLS_FAILED' : undefined)
    if (code !== undefined) return { code, origin: origin.startsWith('ERR_SSL_') ? 'ERR_SSL' : origin }
  }
  return undefined
}

function* nativeCodes(error: unknown, depth: number): Generator<string> {
  if (typeof error !== 'object' || error === null || depth > 4) return
  const errors = 'errors' in error && Array.isArray(error.errors) ? error.errors : []
  for (const inner of errors.slice(0, 16)) yield* nativeCodes(inner, depth + 1)
  if ('code' in error && typeof error.code === 'string') yield error.code
}
