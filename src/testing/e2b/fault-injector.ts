import type { E2BFault, E2BFaultHandle, E2BPoint, FaultAt } from './faults.js'

/** What a request is about, for faults that are bound to it. */
export interface FaultTarget {
  readonly sandbox?: string
  /** Any of them may match: guest paths, or a command line. */
  readonly paths?: readonly string[]
}

/** One injected fault with its counts. */
export class ArmedFault<F extends E2BFault = E2BFault> implements E2BFaultHandle {
  readonly fault: F
  #hits = 0
  #left: number
  #toSkip: number

  constructor(fault: F) {
    this.fault = fault
    this.#left = fault.times === 'always' ? Number.POSITIVE_INFINITY : (fault.times ?? 1)
    this.#toSkip = fault.skip ?? 0
  }

  get hits(): number {
    return this.#hits
  }

  remove(): void {
    this.#left = 0
  }

  /** Whether it may still happen to this target. Counts the ones that are to be skipped. */
  concerns({ sandbox, paths = [] }: FaultTarget): boolean {
    const { fault } = this
    if (this.#left === 0) return false
    if (fault.sandbox !== undefined && fault.sandbox !== sandbox) return false
    // `search` starts at the beginning whatever the expression's flags.
    if (fault.path !== undefined && !paths.some((path) => path.search(fault.path as RegExp) >= 0)) return false
    if (this.#toSkip === 0) return true
    this.#toSkip--
    return false
  }

  /** Takes one of its times; false when they are used up. */
  fire(): boolean {
    if (this.#left === 0) return false
    this.#left--
    this.#hits++
    return true
  }
}

/** Holds the faults of a server in the order in which they were injected. */
export class FaultInjector {
  readonly #armed: ArmedFault[] = []

  inject(fault: E2BFault): E2BFaultHandle {
    const armed = new ArmedFault(fault)
    this.#armed.push(armed)
    return armed
  }

  /** The first fault that concerns a request, which has happened by this. */
  take<P extends E2BPoint>(at: P, target: FaultTarget): FaultAt<P> | undefined {
    const armed = this.#armed.find((one) => one.fault.at === at && one.concerns(target) && one.fire())
    return armed?.fault as FaultAt<P> | undefined
  }

  /** All faults that concern a stream of output. They happen later, as bytes pass. */
  ofStream(target: FaultTarget): readonly ArmedFault<FaultAt<'stream'>>[] {
    const found = this.#armed.filter(({ fault }) => fault.at === 'stream') as ArmedFault<FaultAt<'stream'>>[]
    return found.filter((one) => one.concerns(target))
  }
}
