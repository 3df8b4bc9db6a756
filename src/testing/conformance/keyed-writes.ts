import assert from 'node:assert/strict'
import type { Batch } from '../../core/batch.js'
import type { WritePlan } from '../../core/driver.js'
import { batchOf } from './memory-source.js'
import { failure, type Subject, TEST_MS, type Trial, withDatabase } from './trial.js'
import { plannedWrites } from './write-plans.js'

const TABLE = 'conform_target'

type Rows = readonly (readonly [id: number, body: string | null])[]

/** What `merge` and `delete+insert` promise of keys and windows, for drivers that have them. */
export function describeKeyedWrites(subject: Subject): void {
  const { api, driver } = subject
  const test = (title: string, body: (trial: Trial) => Promise<void>) =>
    api.it(title, withDatabase(subject, body), TEST_MS)
  const all = (trial: Trial) => trial.database.rows(`SELECT id, body FROM ${TABLE} ORDER BY id, body`)
  const numbered = (first: number, last: number, word: string): Rows =>
    Array.from({ length: last - first + 1 }, (_, index) => [first + index, `${word} ${first + index}`])
  const texts = (rows: Rows) => rows.map(([id, body]) => [String(id), body])

  for (const { title, mode, strategy, plan } of plannedWrites(driver.spec.capabilities, TABLE)) {
    if (mode === 'merge') {
      test(`${title}: five rows and three of which two have their keys (rows)`, async (trial) => {
        const session = await trial.open()
        await session.write(plan, stream(numbered(1, 5, 'old')))
        const { changes, rowsCounted } = await session.write(plan, stream(numbered(4, 6, 'new')))
        assert.equal(rowsCounted, 3)
        const counts = {
          upsert: { inserted: 1, updated: 2, deleted: 0, unchanged: 0 },
          'delete-insert': { inserted: 3, updated: 0, deleted: 2, unchanged: 0 },
          'insert-only': { inserted: 1, updated: 0, deleted: 0, unchanged: 2 },
          scd2: { inserted: 3, updated: 2, deleted: 0, unchanged: 0 },
        }[strategy as 'upsert']
        assert.deepEqual(changes, { ...counts, duplicates: 0, rejected: 0 })
        const old = numbered(1, 5, 'old')
        const fresh = numbered(4, 6, 'new')
        const expected = {
          upsert: [...old.slice(0, 3), ...fresh],
          'delete-insert': [...old.slice(0, 3), ...fresh],
          'insert-only': [...old, ...fresh.slice(2)],
          scd2: [...old.slice(0, 3), fresh[0]!, old[3]!, fresh[1]!, old[4]!, fresh[2]!],
        }[strategy as 'upsert']
        assert.deepEqual(await all(trial), texts(expected))
      })

      test(`${title}: the last of several rows with one key wins, and the others are counted (rows)`, async (trial) => {
        const session = await trial.open()
        const rows: Rows = [
          [1, 'first'],
          [2, 'only'],
          [1, 'second'],
          [1, 'last'],
        ]
        const { changes, rowsSent, rowsCounted } = await session.write(plan, stream(rows))
        assert.deepEqual([rowsSent, rowsCounted, changes?.inserted, changes?.duplicates], [4, 2, 2, 2])
        assert.deepEqual(
          await all(trial),
          texts([
            [1, 'last'],
            [2, 'only'],
          ]),
        )
      })

      test(`${title}: a NULL in the key stops it before anything is written (rows, next use)`, async (trial) => {
        const session = await trial.open()
        await session.write(plan, stream(numbered(1, 2, 'old')))
        const keyed = { ...plan, primaryKey: ['body'] }
        await failure(session.write(keyed, stream([...numbered(3, 4, 'new'), [5, null]])), 'KEY_NULL')
        await failure(session.write({ ...plan, primaryKey: ['bdoy'] }, stream([])), 'COLUMN_NOT_FOUND')
        await session.ping()
        assert.deepEqual(await all(trial), texts(numbered(1, 2, 'old')))
      })
    }

    if (mode === 'delete+insert') {
      test(`${title}: replaces what lies in the half-open window, ten rows become eleven (rows)`, async (trial) => {
        const session = await trial.open()
        const write = (change: Partial<WritePlan>, rows: Rows) => session.write({ ...plan, ...change }, stream(rows))
        await write({}, numbered(1, 10, 'old'))
        const window = { column: 'id', from: '8', to: '12' }
        assert.equal((await write({ window }, numbered(8, 11, 'new'))).changes?.deleted, 3)
        assert.deepEqual(await all(trial), texts([...numbered(1, 7, 'old'), ...numbered(8, 11, 'new')]))
        const emptied = await write({ window: { column: 'id', from: '2', to: '4' } }, [])
        assert.deepEqual([emptied.changes?.deleted, emptied.rowsCounted], [2, 0])
        const limited = { window: { column: 'id', from: '2' }, maxDeleteRatio: 0.5 }
        await failure(write(limited, []), 'DELETE_LIMIT')
        assert.equal((await all(trial)).length, 9)
      })

      test(`${title}: takes the window from the cursor of the rows, both ends included (rows)`, async (trial) => {
        const session = await trial.open()
        const { window: _, ...rest } = plan
        const write = (rows: Rows) => session.write({ ...rest, cursor: 'id' }, stream(rows))
        await session.write(plan, stream(numbered(1, 6, 'old')))
        const { changes } = await write([
          [5, 'new'],
          [3, 'new'],
        ])
        assert.deepEqual([changes?.inserted, changes?.deleted], [2, 3])
        assert.equal((await write([])).rowsCounted, 0)
        const expected: Rows = [...numbered(1, 2, 'old'), [3, 'new'], [5, 'new'], [6, 'old 6']]
        assert.deepEqual(await all(trial), texts(expected))
      })
    }
  }
}

async function* stream(rows: Rows): AsyncGenerator<Batch, void, undefined> {
  yield batchOf(rows)
}
