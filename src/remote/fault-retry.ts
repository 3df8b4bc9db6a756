import { setTimeout as sleep } from 'node:timers/promises'
import { type FaultClass, SandboxFault } from './sandbox-fault.js'

/** Waits so many milliseconds; throws SandboxFault `aborted` as soon as the signal aborts. */
export type Wait = (ms: number, signal: AbortSignal) => Promise<void>

/** How often something is tried in all, and how the time between is spent; tests do not wait. */
export interface RetryOptions {
  readonly tries?: number
  readonly wait?: Wait
  /** 0 to 1; for tests. */
  readonly random?: () => number
}

export const FILE_TRIES = 3
const LONGEST_WAIT_MS = 30_000
const FIRST_WAIT_MS = 250
/** For a platform that says that it has too much to do. */
const FIRST_BUSY_WAIT_MS = 1000

/** Nothing but another request, another key or another sandbox helps against these. */
const FINAL: ReadonlySet<FaultClass> = new Set(['invalid', 'auth', 'gone', 'refused', 'aborted'])

export const waitFor: Wait = async (ms, signal) => {
  try {
    await sleep(ms, undefined, { signal })
  } catch {
    throw new SandboxFault('aborted')
  }
}

/** Whether the same request for a file may succeed later. */
export function mayRepeat({ faultClass }: SandboxFault): boolean {
  return !FINAL.has(faultClass)
}

/** Milliseconds until the next try: what the platform asks for, at least; else half to the whole of a time that doubles. */
export function waitAfter(fault: SandboxFault, failed: number, random: () => number = Math.random): number {
  const isBusy = fault.faultClass === 'rate_limited' || fault.faultClass === 'busy'
  const longest = (isBusy ? FIRST_BUSY_WAIT_MS : FIRST_WAIT_MS) * 2 ** (failed - 1)
  return Math.min(LONGEST_WAIT_MS, Math.max(fault.retryAfterMs ?? 0, longest * (0.5 + random() / 2)))
}

/** The fault of whatever a port threw; a port throws nothing else, so anything else is a defect of ours. */
export function asFault(error: unknown): SandboxFault {
  return error instanceof SandboxFault ? error : new SandboxFault('unknown')
}
