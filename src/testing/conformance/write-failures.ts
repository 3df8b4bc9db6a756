import assert from 'node:assert/strict'
import type { WriteMode, WritePlan } from '../../core/driver.js'
import { FaultProxy } from '../proxy.js'
import { rowsOf } from './memory-source.js'
import { failure, type Subject, TEST_MS, type Trial, withDatabase } from './trial.js'

const TABLE = 'conform_target'
const PLENTY = 400_000

/** What a mode cannot do without. The window holds the row that was there before, so that its deletion is undone too. */
const NEEDS: Readonly<Partial<Record<WriteMode, Partial<WritePlan>>>> = {
  merge: { primaryKey: ['id'] },
  'delete+insert': { window: { column: 'id', from: '-5', to: '1000000' } },
}

/** Writes that end before their last row: nothing of them may remain, at the server or here. */
export function describeWriteFailures(subject: Subject): void {
  const { api, driver, server } = subject
  const test = (mode: WriteMode, title: string, body: (trial: Trial) => Promise<void>) =>
    api.it(
      `CN-8 ${mode}: ${title} (rows, statements, sessions, sockets)`,
      withDatabase(subject, async (trial) => {
        await trial.database.exec(`${server.dialect.createEmpty(TABLE)}; INSERT INTO ${TABLE} VALUES (-1, 'before')`)
        await body(trial)
        await trial.expectIdle()
        assert.deepEqual(await trial.database.rows(`SELECT id, body FROM ${TABLE}`), [['-1', 'before']])
      }),
      TEST_MS,
    )

  for (const mode of driver.spec.capabilities.modes) {
    const plan = { table: TABLE, mode, ...NEEDS[mode] }

    test(mode, 'is aborted while rows flow; the session goes on', async (trial) => {
      const session = await trial.open()
      const stop = new AbortController()
      let aborted = 0
      const abort = () => {
        aborted = performance.now()
        stop.abort()
      }
      await failure(session.write(plan, rowsOf(PLENTY, { atRow: 50_000, run: abort }), stop.signal), 'ABORTED')
      trial.took('CN-8 abort during a write', aborted, 250)
      await session.ping()
    })

    test(mode, 'has a source that throws; the session goes on', async (trial) => {
      const session = await trial.open()
      const broken = () => {
        throw new RangeError('of the source')
      }
      await failure(session.write(plan, rowsOf(PLENTY, { atRow: 50_000, run: broken })))
      await session.ping()
    })

    test(mode, 'is refused before the commit; the session goes on', async (trial) => {
      const session = await trial.open()
      const beforeCommit = () => {
        throw new RangeError('of the caller')
      }
      await failure(session.write({ ...plan, beforeCommit }, rowsOf(1000)))
      await session.ping()
    })

    test(mode, 'is closed while rows flow', async (trial) => {
      const session = await trial.open()
      let closing: Promise<void> | undefined
      const close = () => {
        closing = session.close()
      }
      const source = rowsOf(PLENTY, { atRow: 50_000, run: close })
      await trial.within(4_000, 'CN-8 close during a write', () =>
        failure(session.write(plan, source), 'CONNECTION_LOST', 'SESSION_CLOSED', 'ABORTED'),
      )
      await closing
    })

    test(mode, 'loses its session while rows flow', async (trial) => {
      const session = await trial.open()
      const source = rowsOf(PLENTY, { atRow: 50_000, run: () => trial.database.endSessions() })
      await trial.within(1_000, 'CN-8 session killed during a write', () =>
        failure(session.write(plan, source), 'CONNECTION_LOST'),
      )
    })

    test(mode, 'loses a server that freezes while rows flow, by the deadline', async (trial) => {
      await using proxy = await FaultProxy.start(server)
      const session = await trial.open({ at: proxy, statement_timeout_ms: 500 })
      const source = rowsOf(PLENTY, { atRow: 20_000, run: () => proxy.freeze() })
      await trial.within(4_000, 'CN-9 frozen during a write', () =>
        failure(session.write(plan, source), 'DEADLINE_EXCEEDED'),
      )
      await trial.within(2_000, 'CN-9 close', () => session.close())
      await proxy.close()
    })
  }
}
