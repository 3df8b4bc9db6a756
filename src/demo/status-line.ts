import type { Output } from '../cli/output.js'

/** A line under the cursor that says what the demo is waiting for; only on a terminal. */
export class StatusLine implements Disposable {
  readonly #output: Output
  readonly #shown: boolean

  constructor(output: Output, wanted: boolean) {
    this.#output = output
    this.#shown = wanted && process.stderr.isTTY === true && !output.settings.quiet && !output.settings.json
  }

  show(line: string): void {
    if (this.#shown) this.#output.progress(line)
  }

  /** Clears the line. */
  [Symbol.dispose](): void {
    if (this.#shown) this.#output.progress('')
  }
}
