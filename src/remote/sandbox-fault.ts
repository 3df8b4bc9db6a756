/** What kind of thing went wrong between this machine and a sandbox; decided once, where the client library's error is
 * caught. */
export type FaultClass =
  | 'invalid'
  | 'auth'
  | 'rate_limited'
  | 'busy'
  | 'server_error'
  | 'connection_lost'
  | 'deadline'
  | 'not_found'
  | 'no_space'
  | 'gone'
  | 'refused'
  | 'aborted'
  | 'unknown'

export interface FaultDetails {
  /** HTTP status, where there was one. */
  readonly status?: number
  /** How long the platform asks to wait. */
  readonly retryAfterMs?: number
}

/** A request to the platform or a sandbox that failed. Says its class only: what the library said may hold bodies and
 * addresses. */
export class SandboxFault extends Error {
  readonly faultClass: FaultClass
  readonly status: number | undefined
  readonly retryAfterMs: number | undefined

  constructor(faultClass: FaultClass, details: FaultDetails = {}) {
    super(`the sandbox could not be used: ${faultClass}`)
    this.name = 'SandboxFault'
    this.faultClass = faultClass
    this.status = details.status
    this.retryAfterMs = details.retryAfterMs
  }
}
