/** What a conformance suite needs of a test runner: `{ describe, it }` of Vitest, Jest, Mocha, node:test and others fit
 * as they are. The suites assert with `node:assert`, so that they depend on no runner. */
export interface TestApi {
  describe(title: string, body: () => void): unknown
  /** `timeoutMs` is what the test may take on a loaded machine; runners without the parameter ignore it. */
  it(title: string, body: () => Promise<void>, timeoutMs?: number): unknown
  /** Not used; here so that the usual three names of a runner can be handed over together. */
  readonly expect?: unknown
  /** Told how long each step with a bound really took, in milliseconds. */
  measured?(what: string, ms: number): void
}
