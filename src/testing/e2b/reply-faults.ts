import type { Answer } from './refusal.js'

interface ReplyFault {
  readonly status: number
  readonly rpcCode: string
  readonly message: string
}

/** Replies by name, for every point but `stream`. In the shape of the control plane and of /files the code is the status;
 * in a procedure call it is Connect's (connectrpc.com/docs/protocol, "Error codes"). */
const REPLY_FAULTS = {
  invalid: { status: 400, rpcCode: 'invalid_argument', message: 'injected: the request is not valid' },
  unauthorized: { status: 401, rpcCode: 'unauthenticated', message: 'injected: unauthorized' },
  forbidden: { status: 403, rpcCode: 'permission_denied', message: 'injected: forbidden' },
  'not-found': { status: 404, rpcCode: 'not_found', message: 'injected: not found' },
  'rate-limited': { status: 429, rpcCode: 'resource_exhausted', message: 'injected: rate limit exceeded' },
  'rate-limited-bare': { status: 429, rpcCode: 'resource_exhausted', message: 'injected: rate limit exceeded' },
  'server-error': { status: 500, rpcCode: 'internal', message: 'injected: internal error' },
  'bad-gateway': { status: 502, rpcCode: 'unavailable', message: '' },
  busy: { status: 503, rpcCode: 'unavailable', message: 'injected: no capacity' },
  'no-space': { status: 507, rpcCode: 'resource_exhausted', message: 'injected: not enough disk space available' },
} as const satisfies Record<string, ReplyFault>

export type ReplyFaultKind = keyof typeof REPLY_FAULTS

/** What a proxy in between says, which knows nothing of JSON. */
const GATEWAY_PAGE = '<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>\n'

/** The reply that a fault puts in place of the true one; undefined for faults of other families. */
export function faultyReply(kind: string, isRpc: boolean, retryAfterSeconds = 1): Answer | undefined {
  if (!Object.hasOwn(REPLY_FAULTS, kind)) return undefined
  const { status, rpcCode, message } = REPLY_FAULTS[kind as ReplyFaultKind]
  if (kind === 'bad-gateway') return { status, text: GATEWAY_PAGE, headers: { 'content-type': 'text/html' } }
  const headers: Record<string, string> = kind === 'rate-limited' ? { 'retry-after': String(retryAfterSeconds) } : {}
  return { status, body: { code: isRpc ? rpcCode : status, message }, headers }
}
