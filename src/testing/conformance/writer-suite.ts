import assert from 'node:assert/strict'
import type { z } from 'zod'
import type { Batch } from '../../core/batch.js'
import type { Driver } from '../../core/define-driver.js'
import { batchOf, rowsOf } from './memory-source.js'
import type { ServerFixture } from './server-fixture.js'
import type { TestApi } from './test-api.js'
import { failure, type Subject, subjectOf, TEST_MS, type Trial, withDatabase } from './trial.js'

const TABLE = 'conform_target'
const MODES = ['append', 'replace'] as const
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

/** What every driver that writes must do: what came in is in the table, counted at every end, all of it or nothing. */
export function describeWriter<Schema extends z.ZodObject>(
  driver: Driver<Schema>,
  server: ServerFixture<z.input<Schema>>,
  api: TestApi,
): void {
  const subject = subjectOf(driver, server, api)
  api.describe(`${driver.spec.family} as a target`, () => describeWrites(subject))
}

function describeWrites(subject: Subject): void {
  const { api, driver, server } = subject
  const supported = driver.spec.capabilities.modes
  const test = (title: string, body: (trial: Trial) => Promise<void>) =>
    api.it(title, withDatabase(subject, body), TEST_MS)
  const bodies = (trial: Trial) => trial.database.rows(`SELECT body FROM ${TABLE} ORDER BY id`)

  for (const mode of supported) {
    test(`${mode}: creates the table that is not there, and counts at every end (rows)`, async (trial) => {
      const session = await trial.open()
      const receipt = await session.write({ table: TABLE, mode }, rowsOf(2_500))
      assert.deepEqual(
        [receipt.rowsSent, receipt.rowsConfirmed, receipt.rowsCounted, receipt.created],
        [2_500, 2_500, 2_500, true],
      )
      assert.deepEqual(await trial.database.rows(`SELECT COUNT(*), MIN(id), MAX(id) FROM ${TABLE}`), [
        ['2500', '1', '2500'],
      ])
    })

    test(`${mode}: writes text as it is (rows)`, async (trial) => {
      const session = await trial.open()
      await session.write({ table: TABLE, mode }, one(HARD))
      assert.deepEqual(
        await bodies(trial),
        HARD.map((body) => [body]),
      )
    })

    test(`${mode}: puts rows ${mode === 'append' ? 'behind' : 'in place of'} the old ones (rows)`, async (trial) => {
      await trial.database.exec(`${server.dialect.createEmpty(TABLE)}; INSERT INTO ${TABLE} VALUES (-1, 'before')`)
      const session = await trial.open()
      const receipt = await session.write({ table: TABLE, mode }, one(['new']))
      assert.deepEqual([receipt.rowsCounted, receipt.created], [1, false])
      assert.deepEqual(await bodies(trial), mode === 'append' ? [['before'], ['new']] : [['new']])
      await session.write({ table: TABLE, mode }, rowsOf(0))
      assert.deepEqual(await bodies(trial), mode === 'append' ? [['before'], ['new']] : [])
    })

    test(`${mode}: refuses a stream that does not fit, before it changes anything (rows, next use)`, async (trial) => {
      await trial.database.exec(`CREATE TABLE ${TABLE} (id int); INSERT INTO ${TABLE} VALUES (-1)`)
      const session = await trial.open()
      await failure(session.write({ table: TABLE, mode }, rowsOf(10)), 'SCHEMA_MISMATCH')
      await session.ping()
      assert.deepEqual(await trial.database.rows(`SELECT id FROM ${TABLE}`), [['-1']])
    })
  }

  const missing = MODES.find((mode) => !supported.includes(mode))
  if (missing !== undefined) {
    test('refuses a mode that it does not have', async (trial) => {
      const session = await trial.open()
      await failure(session.write({ table: TABLE, mode: missing }, rowsOf(1)), 'UNSUPPORTED')
      await session.ping()
    })
  }
}

async function* one(bodies: readonly (string | null)[]): AsyncGenerator<Batch, void, undefined> {
  yield batchOf(bodies.map((body, index) => [index + 1, body]))
}
