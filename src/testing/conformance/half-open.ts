import assert from 'node:assert/strict'
import type { ManagedSession } from '../../core/managed-session.js'
import { FaultProxy } from '../proxy.js'
import { drain, pull } from './stream-failures.js'
import { failure, type SessionChange, type Subject, TEST_MS, type Trial, withDatabase } from './trial.js'

const TABLE = 'conform_half_open'
const STATEMENT_MS = 1_500
/** The server's own timeout and the client's margin, then a second for the cancel request. */
const GIVEN_UP_MS = STATEMENT_MS + 2_000
const SILENCE_MS = 1_000

/** Peers that are gone without a word: the connection stays up and nothing comes any more. */
export function describeHalfOpen(subject: Subject): void {
  const { api, driver, server } = subject
  const test = (
    title: string,
    body: (trial: Trial, proxy: FaultProxy, session: ManagedSession) => Promise<void>,
    limits: Pick<SessionChange, 'statement_timeout_ms' | 'silence_timeout_ms'> = { statement_timeout_ms: STATEMENT_MS },
  ) =>
    api.it(
      `CN-9 ${title} (sockets, sessions)`,
      withDatabase(subject, async (trial) => {
        await trial.database.exec(server.dialect.fill(TABLE, 1000, 2000))
        const proxy = await FaultProxy.start(server)
        try {
          await body(trial, proxy, await trial.open({ at: proxy, ...limits }))
          await trial.expectNoSockets(proxy.port)
        } finally {
          await proxy.close()
        }
      }),
      TEST_MS,
    )

  test('gives a frozen query up by its deadline, and close() ends by its own', async (trial, proxy, session) => {
    proxy.freeze()
    await trial.within(GIVEN_UP_MS, 'CN-9 frozen ping', () => failure(session.ping(), 'DEADLINE_EXCEEDED'))
    await trial.within(2_000, 'CN-9 close', () => session.close())
  })

  test(
    'gives a frozen query up by its silence, where no statement timeout was set',
    async (trial, proxy, session) => {
      proxy.freeze()
      await trial.within(SILENCE_MS + 1_000, 'CN-9 silent ping', () => failure(session.ping(), 'DEADLINE_EXCEEDED'))
      await trial.within(2_000, 'CN-9 close', () => session.close())
    },
    { silence_timeout_ms: SILENCE_MS },
  )

  test('closes an idle session whose peer is frozen', async (trial, proxy, session) => {
    proxy.freeze()
    await trial.within(2_000, 'CN-9 close of an idle session', () => session.close())
  })

  if (!driver.spec.capabilities.extract) return
  test('gives a frozen stream up by its deadline', async (trial, proxy, session) => {
    const rows = session.extract({ query: server.dialect.endless(TABLE), bufferBytes: 65_536 })[Symbol.asyncIterator]()
    await rows.next()
    proxy.freeze()
    await trial.within(GIVEN_UP_MS, 'CN-9 frozen stream', () => failure(pull(rows), 'DEADLINE_EXCEEDED'))
    await trial.within(2_000, 'CN-9 close', () => session.close())
  })

  test('is aborted while its peer is frozen', async (trial, proxy, session) => {
    proxy.freeze()
    const work = drain(session.extract({ table: TABLE }, AbortSignal.timeout(200)))
    await trial.within(1_500, 'CN-9 abort of a frozen query', () => failure(work, 'DEADLINE_EXCEEDED'))
    await trial.within(2_000, 'CN-9 close', () => session.close())
  })

  test(
    'reads on as long as bytes come, however long it takes in all',
    async (trial, proxy, session) => {
      await session.close()
      await proxy.behave({ kind: 'throttle', bytesPerSecond: 700_000 })
      const slow = await trial.open({ at: proxy, silence_timeout_ms: SILENCE_MS })
      const begun = performance.now()
      assert.equal(await drain(slow.extract({ table: TABLE })), 1000)
      assert.ok(performance.now() - begun > SILENCE_MS, 'it was too quick to prove anything')
      await slow.close()
    },
    { silence_timeout_ms: SILENCE_MS },
  )
}
