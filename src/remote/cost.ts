/** What a sandbox is given, which is what is charged for, used or not. */
export interface SandboxSize {
  readonly vcpus: number
  readonly memoryMb: number
}

/** US dollars per hour (https://e2b.dev/pricing). */
export const USD_PER_VCPU_HOUR = 0.0504
export const USD_PER_GIB_HOUR = 0.0162

/** What so many seconds of sandboxes of one size cost, in US dollars. */
export function costOf({ vcpus, memoryMb }: SandboxSize, seconds: number): number {
  return ((vcpus * USD_PER_VCPU_HOUR + (memoryMb / 1024) * USD_PER_GIB_HOUR) * seconds) / 3600
}

/** Dollars for a person: cents, or as many digits as it takes to see anything. */
export function formatUsd(usd: number): string {
  return `$${usd >= 0.095 || usd === 0 ? usd.toFixed(2) : usd.toPrecision(2)}`
}

export interface SandboxBudgetOptions {
  readonly size: SandboxSize
  /** No sandbox is started once this is spent or promised; undefined for no limit. */
  readonly maxUsd: number | undefined
  /** What one sandbox may need at the least, in seconds (60). */
  readonly leastSeconds?: number
  /** Milliseconds of a clock that only goes forward. */
  readonly now?: () => number
}

/** What the sandboxes of a run have cost and may still cost. One that runs counts with its time so far, and at least with
 * what it needs anyway, until it has ended and its seconds are known. */
export class SandboxBudget {
  readonly #options: SandboxBudgetOptions
  /** When those that run were started. */
  readonly #starts: number[] = []
  #seconds = 0

  constructor(options: SandboxBudgetOptions) {
    this.#options = options
  }

  /** Whether another sandbox may be started; if so, it counts from now on. Asks and takes in one step, so that no other
   * caller comes between. */
  mayStart(): boolean {
    if (!this.allows(1)) return false
    this.#starts.push(this.#now())
    return true
  }

  /** Whether so many further sandboxes could be started now; takes nothing. */
  allows(count: number): boolean {
    const { size, maxUsd, leastSeconds = 60 } = this.#options
    const now = this.#now()
    const running = this.#starts.reduce((sum, start) => sum + Math.max(leastSeconds, (now - start) / 1000), 0)
    return maxUsd === undefined || costOf(size, this.#seconds + running + count * leastSeconds) <= maxUsd
  }

  /** A sandbox that was started has ended after so many seconds; 0 where it was never created. */
  add(seconds: number): void {
    const start = this.#now() - seconds * 1000
    const distances = this.#starts.map((one) => Math.abs(one - start))
    if (distances.length > 0) this.#starts.splice(distances.indexOf(Math.min(...distances)), 1)
    this.#seconds += seconds
  }

  /** What has ended. */
  get spent(): { readonly seconds: number; readonly usd: number } {
    return { seconds: this.#seconds, usd: costOf(this.#options.size, this.#seconds) }
  }

  #now(): number {
    return this.#options.now?.() ?? performance.now()
  }
}
