import { describe, it } from 'vitest'
import type { TestApi } from '../../src/testing/index.js'

/** Vitest, for the suites. With AIRLOCK_MEASURE set, the times of docs/testing.md are printed. */
export const runner: TestApi = {
  describe,
  it,
  measured(what, ms) {
    if (process.env['AIRLOCK_MEASURE'] !== undefined) process.stdout.write(`measured ${Math.round(ms)} ms ${what}\n`)
  },
}
