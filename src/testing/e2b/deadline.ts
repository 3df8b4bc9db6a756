/** The time that a client gives a stream, in the header `Connect-Timeout-Ms`. */
export class Deadline {
  readonly #steps: (() => void)[]
  readonly #timer: NodeJS.Timeout | undefined

  /** Without a header, or with 0, there is no deadline. `last` is done after all that `onExceeded` was given. */
  constructor(header: string | undefined, last?: () => void) {
    this.#steps = last === undefined ? [] : [last]
    const ms = Number(header ?? 0) || 0
    if (ms > 0) this.#timer = setTimeout(() => this.#exceed(), ms).unref()
  }

  onExceeded(step: () => void): void {
    this.#steps.unshift(step)
  }

  clear(): void {
    clearTimeout(this.#timer)
  }

  #exceed(): void {
    for (const step of this.#steps) step()
  }
}
