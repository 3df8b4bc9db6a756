import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Batch } from '../../core/batch.js'
import type { ManagedSession } from '../../core/managed-session.js'
import { failure, type Subject, TEST_MS, withDatabase } from './trial.js'

const TABLE = 'conform_rows'
const ROWS = 1000
/** A small buffer, so that the server is stopped by its client and not by the end of its rows. */
const SMALL = { batchBytes: 16_384, bufferBytes: 65_536 } as const

/** What goes wrong between the first row and the last. */
export function describeStreamFailures(subject: Subject): void {
  const { api, server } = subject
  const { dialect } = server
  const endless = { query: dialect.endless(TABLE), ...SMALL }
  const asleep = { query: dialect.sleep(30) }

  const test = (
    title: string,
    body: (session: ManagedSession, trial: Parameters<Parameters<typeof withDatabase>[1]>[0]) => Promise<void>,
    change: { readonly statement_timeout_ms?: number } = {},
  ) =>
    api.it(
      title,
      withDatabase(subject, async (trial) => {
        await trial.database.exec(dialect.fill(TABLE, ROWS, 2000))
        await body(await trial.open(change), trial)
      }),
      TEST_MS,
    )

  test('CN-3 is aborted before, during and between rows; the statement ends (statements, then next use)', async (session, trial) => {
    await failure(drain(session.extract(endless, AbortSignal.abort())), 'ABORTED')

    const during = new AbortController()
    const waiting = failure(drain(session.extract(asleep, during.signal)), 'ABORTED')
    await sleep(200)
    during.abort()
    await trial.within(250, 'CN-3 abort during a query', () => waiting)
    await trial.expectIdle()
    await session.ping()

    const between = new AbortController()
    const begun = session.extract(endless, between.signal)[Symbol.asyncIterator]()
    assert.ok(((await begun.next()).value as Batch).rowCount > 0)
    between.abort()
    await trial.within(250, 'CN-3 abort between rows', () => failure(pull(begun), 'ABORTED'))
    await trial.expectIdle()
    await session.ping()
  })

  test(
    'CN-4 ends a statement at its timeout, at the server (statements, then next use)',
    async (session, trial) => {
      await trial.within(300, 'CN-4 statement timeout', () =>
        failure(drain(session.extract(asleep)), 'STATEMENT_TIMEOUT'),
      )
      await trial.expectIdle()
      await session.ping()
    },
    { statement_timeout_ms: 300 },
  )

  test('CN-5 is left early by break, throw and return() (statements, then next use)', async (session, trial) => {
    const leave: readonly (() => Promise<void>)[] = [
      async () => {
        for await (const batch of session.extract(endless)) {
          assert.ok(batch.rowCount > 0)
          break
        }
      },
      async () => {
        const consume = async () => {
          for await (const _ of session.extract(endless)) throw new RangeError('of the consumer')
        }
        await assert.rejects(consume, RangeError)
      },
      async () => {
        const rows = session.extract(endless)[Symbol.asyncIterator]()
        await rows.next()
        await rows.return?.()
      },
    ]
    for (const way of leave) {
      await trial.within(1_500, 'CN-5 leaving early', way)
      await trial.expectIdle()
      await session.ping()
    }
  })

  test('CN-5 has streams that nobody consumes: unstarted ones cost nothing, a started one does not block close() (sockets, sessions)', async (session, trial) => {
    const unstarted = session.extract(endless)
    await session.ping()
    assert.equal(unstarted.rowsRead, 0)
    const started = session.extract(endless)[Symbol.asyncIterator]()
    await started.next()
    await failure(session.ping(), 'SESSION_BUSY')
    await trial.within(2_000, 'CN-5 close under a stream', () => session.close())
    await trial.expectNothingLeft()
    await failure(pull(started), 'CONNECTION_LOST', 'SESSION_CLOSED', 'ABORTED')
  })

  test('CN-6 has its session killed in the middle of the rows (sockets, sessions)', async (session, trial) => {
    const rows = session.extract(endless)[Symbol.asyncIterator]()
    await rows.next()
    await trial.database.endSessions()
    await trial.within(1_000, 'CN-6 killed in mid-stream', () => failure(pull(rows), 'CONNECTION_LOST'))
    await failure(session.ping(), 'CONNECTION_LOST')
    await trial.expectNothingLeft()
  })

  test('CN-6 has its session killed while it waits for the first row, and while it is idle (sockets, sessions)', async (session, trial) => {
    const waiting = failure(drain(session.extract(asleep)), 'CONNECTION_LOST')
    await sleep(200)
    await trial.database.endSessions()
    await trial.within(1_000, 'CN-6 killed before the first row', () => waiting)
    const idle = await trial.open()
    await trial.database.endSessions()
    await trial.within(1_000, 'CN-6 killed while idle', () => failure(idle.ping(), 'CONNECTION_LOST'))
    await trial.expectNothingLeft()
  })

  test('CN-7 hears of an error after some rows, also while it holds the server back (rows, then next use)', async (session, trial) => {
    const wide = { query: dialect.failAt(TABLE, ROWS - 50), ...SMALL }
    // Rows and error arrive together, and the first row fills the buffer.
    const narrow = { query: dialect.failAt(TABLE, 50), select: ['id', 'x'], batchBytes: 16, bufferBytes: 1 }
    for (const request of [wide, narrow]) {
      let rows = 0
      const consume = async () => {
        for await (const batch of session.extract(request)) {
          rows += batch.rowCount
          batch.release?.()
        }
      }
      await trial.within(1_000, 'CN-7 error of the server', () => failure(consume()))
      assert.ok(rows < ROWS, 'the rows looked complete')
      await session.ping()
      await trial.expectIdle()
    }
    assert.equal(await drain(session.extract({ table: TABLE })), ROWS)
  })
}

/** Reads to the end; gives the number of rows. */
export async function drain(batches: AsyncIterable<Batch>): Promise<number> {
  let rows = 0
  for await (const batch of batches) {
    rows += batch.rowCount
    batch.release?.()
  }
  return rows
}

/** Pulls until the iterator fails; what was buffered before the failure may still come. */
export async function pull(rows: AsyncIterator<Batch>): Promise<void> {
  for (let count = 0; count < 1000; count++) {
    const next = await rows.next()
    assert.ok(next.done !== true, 'the rows looked complete')
  }
}
