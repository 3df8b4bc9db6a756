import assert from 'node:assert/strict'
import type { z } from 'zod'
import type { Batch } from '../../core/batch.js'
import type { Driver } from '../../core/define-driver.js'
import { describeKeyedWrites } from './keyed-writes.js'
import { batchOf, rowsOf } from './memory-source.js'
import type { ServerFixture } from './server-fixture.js'
import type { TestApi } from './test-api.js'
import { failure, type Subject, subjectOf, TEST_MS, type Trial, withDatabase } from './trial.js'
import { plannedWrites } from './write-plans.js'

const TABLE = 'conform_target'
const MODES = ['append', 'replace', 'merge', 'delete+insert'] as const
/** Text that formats like to change. */
const HARD: readonly (string | null)[] = [
  null,
  '',
  '\\N',
  '\\.',
  'NULL',
  'tab\there, \'quote\' "double" \\back\\',
  'a\nb\r\nc',
  'ж€𝄞',
]

/** What every driver that writes must do in each mode and strategy that it names: what came in is in the table, counted at
 * every end, all of it or nothing; keys, windows and repeated writes are what the mode promises. */
export function describeWriter<Schema extends z.ZodObject>(
  driver: Driver<Schema>,
  server: ServerFixture<z.input<Schema>>,
  api: TestApi,
): void {
  const subject = subjectOf(driver, server, api)
  api.describe(`${driver.spec.family} as a target`, () => {
    describeWrites(subject)
    describeKeyedWrites(subject)
  })
}

function describeWrites(subject: Subject): void {
  const { api, driver, server } = subject
  const supported = driver.spec.capabilities.modes
  const test = (title: string, body: (trial: Trial) => Promise<void>) =>
    api.it(title, withDatabase(subject, body), TEST_MS)
  const bodies = (trial: Trial) => trial.database.rows(`SELECT body FROM ${TABLE} ORDER BY id`)

  for (const { title, plan, keeps, strategy, idempotent } of plannedWrites(driver.spec.capabilities, TABLE)) {
    test(`${title}: creates the table that is not there, and counts at every end (rows)`, async (trial) => {
      const session = await trial.open()
      const receipt = await session.write(plan, rowsOf(2_500))
      assert.deepEqual(
        [receipt.rowsSent, receipt.rowsConfirmed, receipt.rowsCounted, receipt.created],
        [2_500, 2_500, 2_500, true],
      )
      const { inserted, ...others } = receipt.changes ?? { inserted: 2_500 }
      assert.equal(inserted, 2_500)
      assert.ok(Object.values(others).every((count) => count === 0))
      const all = [['2500', '1', '2500']]
      assert.deepEqual(await trial.database.rows(`SELECT COUNT(*), MIN(id), MAX(id) FROM ${TABLE}`), all)
      if (!idempotent) return
      assert.equal((await session.write(plan, rowsOf(2_500))).rowsCounted, 2_500)
      assert.deepEqual(await trial.database.rows(`SELECT COUNT(*), MIN(id), MAX(id) FROM ${TABLE}`), all)
    })

    test(`${title}: writes text as it is (rows)`, async (trial) => {
      const session = await trial.open()
      await session.write(plan, one(HARD))
      assert.deepEqual(
        await bodies(trial),
        HARD.map((body) => [body]),
      )
    })

    test(`${title}: puts rows ${keeps ? 'beside' : 'in place of'} the old ones (rows)`, async (trial) => {
      const session = await trial.open()
      if (strategy === 'scd2') await session.write(plan, single(-1, 'before'))
      else await trial.database.exec(`${server.dialect.createEmpty(TABLE)}; INSERT INTO ${TABLE} VALUES (-1, 'before')`)
      const receipt = await session.write(plan, one(['new']))
      assert.deepEqual([receipt.rowsCounted, receipt.created], [1, false])
      assert.deepEqual(await bodies(trial), keeps ? [['before'], ['new']] : [['new']])
      await session.write(plan, rowsOf(0))
      assert.deepEqual(await bodies(trial), keeps ? [['before'], ['new']] : [])
    })

    test(`${title}: refuses a stream that does not fit, before it changes anything (rows, next use)`, async (trial) => {
      await trial.database.exec(`CREATE TABLE ${TABLE} (id int); INSERT INTO ${TABLE} VALUES (-1)`)
      const session = await trial.open()
      await failure(session.write(plan, rowsOf(10)), 'SCHEMA_MISMATCH')
      await session.ping()
      assert.deepEqual(await trial.database.rows(`SELECT id FROM ${TABLE}`), [['-1']])
    })

    test(`${title}: says in the plan what it does, and does nothing (rows)`, async (trial) => {
      const session = await trial.open()
      const { columns } = (await one(['x']).next()).value as Batch
      const outline = await session.outline(plan, columns)
      assert.equal(outline.targetExists, false)
      assert.ok(outline.statements.length > 0 && outline.notes.length > 0)
      assert.deepEqual(Object.keys(outline.columnTypes), ['id', 'body'])
      await failure(session.describe({ table: TABLE }))
    })
  }

  const missing = MODES.find((mode) => !supported.includes(mode))
  test('refuses a mode or a strategy that it does not have', async (trial) => {
    const session = await trial.open()
    if (missing !== undefined) await failure(session.write({ table: TABLE, mode: missing }, rowsOf(1)), 'UNSUPPORTED')
    const [mode] = supported
    const other = mode === 'merge' ? 'truncate' : 'upsert'
    if (mode !== undefined) {
      await failure(session.write({ table: TABLE, mode, strategy: other }, rowsOf(1)), 'UNSUPPORTED')
    }
    await session.ping()
  })
}

async function* one(bodies: readonly (string | null)[]): AsyncGenerator<Batch, void, undefined> {
  yield batchOf(bodies.map((body, index) => [index + 1, body]))
}

async function* single(id: number, body: string): AsyncGenerator<Batch, void, undefined> {
  yield batchOf([[id, body]])
}
