/** Variables of this process for as long as the demo runs: its secrets go to the configuration loader this way and are
 * never written to a file. `undefined` hides a variable. The former values come back at the end. */
export class DemoEnvironment implements Disposable {
  readonly #before: Readonly<Record<string, string | undefined>>

  constructor(variables: Readonly<Record<string, string | undefined>>) {
    this.#before = Object.fromEntries(Object.keys(variables).map((name) => [name, process.env[name]]))
    set(variables)
  }

  [Symbol.dispose](): void {
    set(this.#before)
  }
}

function set(variables: Readonly<Record<string, string | undefined>>): void {
  for (const [name, value] of Object.entries(variables)) {
    if (value === undefined) delete process.env[name]
    else process.env[name] = value
  }
}
