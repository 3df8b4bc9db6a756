import { withCallDeadline } from './call-deadline.js'
import type { RemoteEventPort } from './events.js'
import { asFault } from './fault-retry.js'
import { APP, idsOf, type SandboxIds } from './sandbox-metadata.js'
import type { ListedSandbox, SandboxPort } from './sandbox-port.js'

export interface SweepOptions {
  readonly port: Pick<SandboxPort, 'list' | 'kill'>
  /** Only its sandboxes are ever killed. */
  readonly deployment: string
  readonly events: RemoteEventPort
  readonly signal: AbortSignal
  /** Says what would be killed and kills nothing. */
  readonly dryRun?: boolean
  /** How long after its end a sandbox is left to whoever still clears up after himself (120). */
  readonly graceSeconds?: number
  /** Sandboxes in one sweep (200). */
  readonly most?: number
  /** Milliseconds of one sweep (60,000). */
  readonly timeMs?: number
  /** Milliseconds since 1970. */
  readonly now?: () => number
}

/** What a sweep has found and done; ids of sandboxes. */
export interface Sweep {
  /** Those that were to be killed. */
  readonly expired: readonly string[]
  readonly killed: readonly string[]
  /** Still in their time. */
  readonly kept: readonly string[]
  /** Not looked at, or not killed: the next sweep tries again. */
  readonly left: readonly string[]
}

const GRACE_SECONDS = 120
const MOST = 200
const TIME_MS = 60_000

/** Kills what earlier runs of this deployment have left: sandboxes, paused ones too, whose time is over and that nobody
 * waits for. Looks at each of them again before it kills it, and never touches one that is not its own. Bounded in number
 * and time; what fails is an event and falls to the next sweep. Never throws. */
export async function sweep(options: SweepOptions): Promise<Sweep> {
  const { signal, timeMs = TIME_MS } = options
  return await withCallDeadline(signal, timeMs, (bounds) => sweepWithin(options, bounds.signal))
}

async function sweepWithin(options: SweepOptions, signal: AbortSignal): Promise<Sweep> {
  const { events, dryRun = false, most = MOST } = options
  const killed: string[] = []
  const left: string[] = []
  const found = await listOwn(options, signal)
  // The oldest first, should the budget end before the list does.
  const expired = found
    .filter((one) => isExpired(one, options))
    .sort((a, b) => a.ids.expires.getTime() - b.ids.expires.getTime())
  for (const [index, one] of (dryRun ? [] : expired).entries()) {
    if (index >= most || signal.aborted) {
      events.emit('sandbox.sweep_failed', { class: 'budget', count: expired.length - index })
      left.push(...expired.slice(index).map(({ id }) => id))
      break
    }
    if (await killAgain(one, options, signal)) killed.push(one.id)
    else left.push(one.id)
  }
  const ids = new Set(expired.map(({ id }) => id))
  return {
    expired: [...ids],
    killed,
    kept: found.map(({ id }) => id).filter((id) => !ids.has(id)),
    left,
  }
}

interface OwnSandbox extends ListedSandbox {
  readonly ids: SandboxIds
}

/** Those of this deployment; anybody else's are left alone, also where the platform lists them unasked. */
async function listOwn(
  { port, deployment, events }: SweepOptions,
  signal: AbortSignal,
): Promise<readonly OwnSandbox[]> {
  try {
    const listed = await port.list({ app: APP, deployment }, signal)
    return listed.flatMap((one) => {
      const ids = idsOf(one.metadata)
      if (ids !== undefined && ids.deployment === deployment) return [{ ...one, ids }]
      events.emit('sandbox.sweep_skipped', { sandbox: one.id, class: ids === undefined ? 'unreadable' : 'foreign' })
      return []
    })
  } catch (error) {
    events.emit('sandbox.sweep_failed', { class: asFault(error).faultClass })
    return []
  }
}

function isExpired({ ids }: OwnSandbox, { graceSeconds = GRACE_SECONDS, now = Date.now }: SweepOptions): boolean {
  return ids.expires.getTime() + graceSeconds * 1000 < now()
}

/** Reads a sandbox once more and kills it if it still is what it was. Whether it is gone. */
async function killAgain(one: OwnSandbox, options: SweepOptions, signal: AbortSignal): Promise<boolean> {
  const { port, events } = options
  try {
    const listed = await port.list(one.metadata, signal)
    const again = listed.find(({ id }) => id === one.id)
    if (again === undefined) {
      events.emit('sandbox.kill_noop', { sandbox: one.id })
      return true
    }
    const isKilled = await port.kill(one.id, signal)
    events.emit(isKilled ? 'sandbox.killed' : 'sandbox.kill_noop', { sandbox: one.id })
    return true
  } catch (error) {
    const { faultClass } = asFault(error)
    events.emit('sandbox.kill_failed', { sandbox: one.id, class: faultClass })
    return false
  }
}
