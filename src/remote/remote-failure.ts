import type { RemoteEventName } from './events.js'

/** An attempt that came to nothing, after its event was emitted. `retry` says whether another sandbox may do better. */
export class RemoteFailure extends Error {
  readonly event: RemoteEventName
  readonly faultClass: string
  readonly retry: boolean

  constructor(event: RemoteEventName, faultClass: string, retry: boolean) {
    super(`${event}: ${faultClass}`)
    this.name = 'RemoteFailure'
    this.event = event
    this.faultClass = faultClass
    this.retry = retry
  }
}
