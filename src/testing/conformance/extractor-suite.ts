import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import type { z } from 'zod'
import type { Driver } from '../../core/define-driver.js'
import { FaultProxy } from '../proxy.js'
import type { ServerFixture } from './server-fixture.js'
import { drain } from './stream-failures.js'
import type { TestApi } from './test-api.js'
import { failure, type Subject, subjectOf, TEST_MS, type Trial, withDatabase } from './trial.js'

const TABLE = 'conform_rows'
const ROWS = 1000
const BODY_BYTES = 2000

/** What every driver that extracts must do: canonical cells, complete and bounded batches, one snapshot, errors by their
 * code after which the session goes on, and counters that are right. */
export function describeExtractor<Schema extends z.ZodObject>(
  driver: Driver<Schema>,
  server: ServerFixture<z.input<Schema>>,
  api: TestApi,
): void {
  const subject = subjectOf(driver, server, api)
  api.describe(`${driver.spec.family} as a source`, () => describeRows(subject))
}

function describeRows(subject: Subject): void {
  const { api, server } = subject
  const { dialect } = server
  const test = (title: string, body: (trial: Trial) => Promise<void>) =>
    api.it(
      title,
      withDatabase(subject, async (trial) => {
        await trial.database.exec(dialect.fill(TABLE, ROWS, BODY_BYTES))
        await body(trial)
      }),
      TEST_MS,
    )

  test('gives values as canonical cells', async (trial) => {
    const session = await trial.open()
    for (const { expression, kind, cell } of dialect.canonical) {
      for await (const batch of session.extract({ query: `SELECT ${expression} AS v` })) {
        const bytes = batch.cell(0, 0)
        assert.equal(bytes === null ? null : Buffer.from(bytes).toString('utf8'), cell, expression)
        if (cell !== null) assert.equal(batch.columns[0]?.type.kind, kind, expression)
      }
    }
  })

  test('gives every row once, in batches of the size that was asked for (rows, bytes)', async (trial) => {
    const session = await trial.open()
    const extraction = session.extract({ table: TABLE, batchBytes: 32_768 })
    const seen = new Set<string>()
    let batches = 0
    for await (const batch of extraction) {
      batches++
      // What one read of the socket adds may come on top.
      assert.ok(batch.data.byteLength <= 32_768 + 65_536, `a batch of ${batch.data.byteLength} bytes`)
      for (const row of batch.objects()) {
        assert.equal(String(row['body']).length, BODY_BYTES)
        seen.add(String(row['id']))
      }
    }
    assert.equal(seen.size, ROWS)
    assert.equal(extraction.rowsRead, ROWS)
    assert.ok(batches > 10, `${batches} batches`)
  })

  test('gives one batch for an empty result, which says what the columns are', async (trial) => {
    const session = await trial.open()
    const shapes: (readonly [number, readonly string[]])[] = []
    for await (const batch of session.extract({ table: TABLE, where: 'id < 0', select: ['body', 'id'] })) {
      shapes.push([batch.rowCount, batch.columns.map(({ name }) => name)])
    }
    assert.deepEqual(shapes, [[0, ['body', 'id']]])
    const { columns } = await session.describe({ table: TABLE, select: ['-body'] })
    assert.deepEqual(
      columns.map(({ name, keyPosition }) => [name, keyPosition]),
      [['id', 1]],
    )
  })

  test('sees one snapshot: rows that come while it reads are not in it (rows)', async (trial) => {
    const session = await trial.open()
    let rows = 0
    for await (const batch of session.extract({ table: TABLE, batchBytes: 16_384, bufferBytes: 32_768 })) {
      if (rows === 0) await trial.database.exec(`INSERT INTO ${TABLE} VALUES (5000, 'late')`)
      rows += batch.rowCount
      batch.release?.()
    }
    assert.equal(rows, ROWS)
    assert.equal(await drain(session.extract({ table: TABLE })), ROWS + 1)
  })

  test('waits for a consumer that takes its time: nothing piles up (bytes off the wire)', async (trial) => {
    await using proxy = await FaultProxy.start(server)
    const session = await trial.open({ at: proxy })
    const rows = session.extract({ query: dialect.endless(TABLE), bufferBytes: 65_536 })[Symbol.asyncIterator]()
    await rows.next()
    let taken = 0
    // What the kernel and the proxy hold is bounded, but not by us: wait until it is full.
    for (let still = 0; still < 5; ) {
      await sleep(100)
      const now = proxy.counts.bytesToClient
      still = now === taken ? still + 1 : 0
      taken = now
    }
    assert.ok(taken < 1_000 * ROWS * BODY_BYTES, 'everything was read ahead')
    await rows.return?.()
    await session.close()
    await proxy.close()
  })

  test('says by its code what is wrong with a request, and goes on (next use)', async (trial) => {
    const session = await trial.open()
    const wrong = [
      [{ table: 'conform_missing' }, 'TABLE_NOT_FOUND'],
      [{ table: TABLE, select: ['nothing'] }, 'COLUMN_NOT_FOUND'],
      [{ table: TABLE, where: 'nothing = 1' }, 'SQL_INVALID'],
      [{ query: 'SELEC 1' }, 'SQL_INVALID'],
      [{}, 'CONFIG_INVALID'],
    ] as const
    for (const [request, code] of wrong) {
      await failure(drain(session.extract(request)), code)
      await session.ping()
    }
    assert.equal(await drain(session.extract({ table: TABLE })), ROWS)
  })

  test('masks before anybody sees the rows', async (trial) => {
    const session = await trial.open()
    for await (const batch of session.extract({ table: TABLE, mask: { body: 'redact' } })) {
      assert.ok(!Buffer.from(batch.data).includes('xxxx'))
      assert.equal([...batch.objects()].length, batch.rowCount)
    }
  })
}
