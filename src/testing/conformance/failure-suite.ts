import type { z } from 'zod'
import type { Driver } from '../../core/define-driver.js'
import { describeConnectFailures } from './connect-failures.js'
import { describeDualStack } from './dual-stack.js'
import { describeHalfOpen } from './half-open.js'
import type { ServerFixture } from './server-fixture.js'
import { describeStreamFailures } from './stream-failures.js'
import type { TestApi } from './test-api.js'
import { subjectOf } from './trial.js'
import { describeWriteFailures } from './write-failures.js'

/** Everything that can go wrong with a connection, under the names of the acceptance tests (docs/testing.md): stalls,
 * aborts, timeouts, early leaves, killed sessions, half-open peers, several addresses. Every test ends with a count of
 * this process's sockets in the kernel and of the login's sessions at the server, and fails unless both are zero. */
export function describeFailures<Schema extends z.ZodObject>(
  driver: Driver<Schema>,
  server: ServerFixture<z.input<Schema>>,
  api: TestApi,
): void {
  const subject = subjectOf(driver, server, api)
  api.describe(`${driver.spec.family} when things fail`, () => {
    describeConnectFailures(subject)
    describeDualStack(subject)
    describeHalfOpen(subject)
    if (driver.spec.capabilities.extract) describeStreamFailures(subject)
    if (driver.spec.capabilities.write) describeWriteFailures(subject)
  })
}
