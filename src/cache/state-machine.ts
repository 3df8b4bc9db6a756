import { AirlockError } from '../errors/index.js'
import { BoundedHistory } from './bounded-history.js'

/** One step that was taken. `at` is milliseconds since 1970. */
export interface Transition<S extends string> {
  readonly from: S
  readonly to: S
  readonly at: number
}

/** Something that is in one of a closed set of states and may only take the steps of its table. */
export class StateMachine<S extends string> {
  readonly #steps: Readonly<Record<S, readonly S[]>>
  readonly #history: BoundedHistory<Transition<S>>
  #state: S

  /** `steps` lists for each state those that may follow. */
  constructor(initial: S, steps: Readonly<Record<S, readonly S[]>>, historyCapacity = 100) {
    this.#state = initial
    this.#steps = steps
    this.#history = new BoundedHistory(historyCapacity)
  }

  get state(): S {
    return this.#state
  }

  /** The last steps, oldest first, and how many older ones were dropped. */
  get history(): { readonly steps: readonly Transition<S>[]; readonly dropped: number } {
    return { steps: this.#history.items(), dropped: this.#history.dropped }
  }

  /** Takes a step. Throws STATE_INVALID, which names both states, for one that the table does not have; the state is then
   * what it was. */
  to(next: S): void {
    const from = this.#state
    if (!this.#steps[from].includes(next)) {
      throw new AirlockError('STATE_INVALID', { params: { problem: `from ${from} to ${next}` } })
    }
    this.#history.push(Object.freeze({ from, to: next, at: Date.now() }))
    this.#state = next
  }
}
