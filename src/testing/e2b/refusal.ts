import type { ServerResponse } from 'node:http'

/** What a request is answered with: JSON, text, or something that writes itself. */
export interface Answer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  /** Sent as JSON. */
  readonly body?: unknown
  readonly text?: string
  /** Writes headers and body itself, and ends when they are out. */
  readonly send?: (response: ServerResponse) => Promise<void>
}

/** HTTP statuses of Connect's error codes (connectrpc.com/docs/protocol, "Error codes"). */
const RPC_STATUS = {
  invalid_argument: 400,
  failed_precondition: 400,
  unauthenticated: 401,
  permission_denied: 403,
  not_found: 404,
  already_exists: 409,
  internal: 500,
  unknown: 500,
  unimplemented: 501,
  unavailable: 503,
} as const

export type RpcCode = keyof typeof RPC_STATUS

const RPC_CODE_OF_ERRNO: Readonly<Record<string, RpcCode>> = {
  ENOENT: 'not_found',
  ENOTDIR: 'invalid_argument',
  EISDIR: 'invalid_argument',
  ELOOP: 'failed_precondition',
  EACCES: 'permission_denied',
  EPERM: 'permission_denied',
}

/** Thrown by what handles a request, caught by its exchange: the request is answered with an error. */
export class Refusal extends Error {
  readonly answer: Answer
  /** Whether it is an envd's, in the shape of a procedure call, or comes from what stands before it. */
  readonly isRpc: boolean

  constructor(answer: Answer, message: string, isRpc = false) {
    super(message)
    this.answer = answer
    this.isRpc = isRpc
  }

  /** In the shape of the control plane and of /files: `{code: <status>, message}`. */
  static http(status: number, message: string, headers: Readonly<Record<string, string>> = {}): Refusal {
    return new Refusal({ status, body: { code: status, message }, headers }, message)
  }

  /** In the shape of a procedure call: `{code: <Connect's code>, message}`. */
  static rpc(code: RpcCode, message: string): Refusal {
    return new Refusal({ status: RPC_STATUS[code], body: { code, message } }, message, true)
  }

  /** What an error of the file system means to a procedure call. */
  static ofErrno(error: unknown, what: string): Refusal {
    const errno = (error as NodeJS.ErrnoException).code ?? 'unknown'
    return Refusal.rpc(RPC_CODE_OF_ERRNO[errno] ?? 'internal', `${what}: ${errno}`)
  }
}
