import assert from 'node:assert/strict'
import { inspect } from 'node:util'
import type { z } from 'zod'
import { fieldRole } from '../../core/config-fields.js'
import type { Driver } from '../../core/define-driver.js'
import { countSockets, settle } from '../sockets.js'
import { describeExtractor } from './extractor-suite.js'
import { describeFailures } from './failure-suite.js'
import type { ServerFixture } from './server-fixture.js'
import type { TestApi } from './test-api.js'
import { failure, GONE_MS, type Subject, subjectOf, TEST_MS, withDatabase, withoutDatabase } from './trial.js'
import { describeWriter } from './writer-suite.js'

/** The whole conformance of one driver against one real server: its life cycle, and, as far as its capabilities go, what
 * `describeExtractor`, `describeWriter` and `describeFailures` hold. A new driver's test is this one call. */
export function describeDriver<Schema extends z.ZodObject>(
  driver: Driver<Schema>,
  server: ServerFixture<z.input<Schema>>,
  api: TestApi,
): void {
  const { extract, write } = driver.spec.capabilities
  api.describe(`${driver.spec.family} conforms`, () => {
    describeLifeCycle(subjectOf(driver, server, api))
    if (extract) describeExtractor(driver, server, api)
    if (write) describeWriter(driver, server, api)
    describeFailures(driver, server, api)
  })
}

/** What a client library might throw one day. */
const ODD_ERRORS = [undefined, null, 'text', 7, {}, new Error('text'), { code: 1 }, { code: null, errno: 'x' }, []]

function describeLifeCycle(subject: Subject): void {
  const { api, driver } = subject
  const { spec } = driver

  api.it(
    'opens one session over one socket, and closes it as often as it is told to (sockets, sessions)',
    withDatabase(subject, async (trial) => {
      const session = await trial.open()
      await session.ping()
      assert.equal(await countSockets(trial.server.port), 1)
      assert.equal(await trial.database.sessions(), 1)
      const view = inspect(session, { depth: Infinity, showHidden: true }) + JSON.stringify(session)
      for (const value of secretsOf(trial.database.settings(trial.server)))
        assert.ok(!view.includes(value), 'a setting shows')
      await Promise.all([session.close(), session.close()])
      await session.close()
      assert.equal(await settle(() => countSockets(trial.server.port), 0, GONE_MS), 0)
      await failure(session.ping(), 'SESSION_CLOSED')
      await using disposed = await trial.open()
      await disposed.ping()
    }),
    TEST_MS,
  )

  api.it(
    'does one thing at a time (next use)',
    withDatabase(subject, async (trial) => {
      const session = await trial.open()
      const first = session.ping()
      await failure(session.ping(), 'SESSION_BUSY')
      await first
      await session.ping()
    }),
    TEST_MS,
  )

  api.it(
    'refuses settings that it does not know, without a word of their values',
    withoutDatabase(subject, async () => {
      const known = subject.server.stranger(subject.server, 'some password') as object
      const error = await failure(driver.open({ ...known, hots: 'canary-value' }), 'CONFIG_INVALID')
      assert.ok(!`${error.stack}${JSON.stringify(error)}`.includes('canary-value'))
      assert.ok(error.message.includes('hots'))
    }),
    TEST_MS,
  )

  api.it(
    'marks what is secret among its settings',
    withoutDatabase(subject, async () => {
      for (const [name, field] of Object.entries(spec.config.shape)) {
        if (/password|token|secret|_key$|^url$/.test(name)) assert.equal(fieldRole(field as z.ZodType), 'secret', name)
      }
    }),
    TEST_MS,
  )

  api.it(
    'classifies what it knows, and nothing else',
    withoutDatabase(subject, async () => {
      for (const error of ODD_ERRORS) assert.equal(spec.classify(error), undefined)
    }),
    TEST_MS,
  )
}

/** The settings' text values, as long as they cannot occur by chance. */
function secretsOf(settings: unknown): readonly string[] {
  return Object.entries(settings as Record<string, unknown>)
    .map(([, value]) => value)
    .map((value) =>
      typeof value === 'object' && value !== null && 'reveal' in value
        ? (value as { reveal(): unknown }).reveal()
        : value,
    )
    .filter((value): value is string => typeof value === 'string' && value.length >= 8)
}
