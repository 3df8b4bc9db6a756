import type { RemoteEventPort } from './events.js'
import { asFault, mayRepeat, waitAfter, waitFor } from './fault-retry.js'
import { killSandbox } from './kill-sandbox.js'
import { RemoteFailure } from './remote-failure.js'
import { SandboxFault } from './sandbox-fault.js'
import type { CreatedSandbox, CreateRequest, SandboxPort } from './sandbox-port.js'

/** Worth another try: the platform has no room or trouble of its own, or nobody knows. */
const RETRIED: ReadonlySet<string> = new Set(['rate_limited', 'busy', 'server_error', 'connection_lost', 'deadline'])
/** After these a sandbox may be there although nobody was told. */
const AMBIGUOUS: ReadonlySet<string> = new Set(['connection_lost', 'deadline', 'aborted', 'server_error', 'unknown'])
const TRIES = 5
const LONGEST_WAIT_MS = 15_000
const ORPHAN_TRIES = 3
const ORPHAN_CHECK_MS = 10_000

export interface CreateOptions {
  readonly port: SandboxPort
  readonly events: RemoteEventPort
  /** For each try, with metadata that no other try has. */
  readonly request: (attempt: number) => CreateRequest
  /** Waits for its turn by the plan's limits. */
  readonly turn: (signal: AbortSignal) => Promise<void>
  readonly signal: AbortSignal
  /** First wait between two tries, which doubles. */
  readonly waitMs: number
}

/** Creates a sandbox, with retries where the platform may recover. After an answer that was lost it looks for what was
 * created nevertheless, by its metadata, and kills it: there is no idempotency key. Throws RemoteFailure, and SandboxFault
 * `aborted` where it was waiting when the signal came. */
export async function createSandbox(options: CreateOptions): Promise<CreatedSandbox> {
  const { port, events, signal, waitMs } = options
  for (let attempt = 1; ; attempt++) {
    await options.turn(signal)
    const request = options.request(attempt)
    try {
      return await port.create(request, signal)
    } catch (error) {
      const fault = error instanceof SandboxFault ? error : new SandboxFault('unknown')
      const retry = RETRIED.has(fault.faultClass) && attempt < TRIES && !signal.aborted
      events.emit('sandbox.create_failed', { class: fault.faultClass, attempt, retry })
      if (AMBIGUOUS.has(fault.faultClass)) await killOrphans(port, request.metadata, events)
      if (!retry) throw new RemoteFailure('sandbox.create_failed', fault.faultClass, false)
      const backoff = Math.min(LONGEST_WAIT_MS, waitMs * 2 ** (attempt - 1))
      await waitFor(Math.max(fault.retryAfterMs ?? 0, backoff * (0.5 + Math.random() / 2)), signal)
    }
  }
}

/** Kills what a create whose answer was lost has left. One that appears later still falls to the sweeper. */
async function killOrphans(
  port: SandboxPort,
  metadata: Readonly<Record<string, string>>,
  events: RemoteEventPort,
): Promise<void> {
  const bounded = AbortSignal.timeout(ORPHAN_CHECK_MS)
  for (let attempt = 1; ; attempt++) {
    try {
      for (const { id } of await port.list(metadata, bounded)) {
        events.emit('sandbox.orphan_killed', { sandbox: id })
        await killSandbox(port, id, events)
      }
      return
    } catch (error) {
      const fault = asFault(error)
      const retry = mayRepeat(fault) && attempt < ORPHAN_TRIES
      events.emit('sandbox.orphan_check_failed', { class: fault.faultClass, attempt, retry })
      if (!retry) return
      // The create has failed by itself, so a signal of the run has no say here.
      await waitFor(waitAfter(fault, attempt), new AbortController().signal)
    }
  }
}
