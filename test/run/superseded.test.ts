import { expect, it, onTestFinished } from 'vitest'
import type { Engine, EngineName } from '../../src/testing/index.js'
import { describeWith } from '../setup/engines.js'
import { type TwoEnds, twoEnds } from './two-ends.js'

const ROWS = 3000
const STREAM = { mode: 'replace', policies: { zero_dates: 'error' } }
const BY_RANGES = { ...STREAM, partition_by: { column: 'id', ranges: 5 } }
const TIMEOUT = 120_000

/** A table of which the last row cannot be read, so that a load in ranges leaves those before it. */
async function interrupted(from: Engine, to: Engine, stream: object): Promise<TwoEnds> {
  const ends = await twoEnds(from, to)
  onTestFinished(() => ends[Symbol.asyncDispose]())
  await ends.source.exec('CREATE TABLE orders (id INT NOT NULL PRIMARY KEY, n INT NOT NULL, at DATETIME NULL)')
  const rows = Array.from({ length: ROWS }, (_, id) => `(${id}, 0, NULL)`)
  await ends.source.exec(`INSERT INTO orders VALUES ${rows.join(', ')}`)
  await ends.source.exec(
    "SET SESSION sql_mode = ''; UPDATE orders SET at = '0000-00-00 00:00:00' ORDER BY id DESC LIMIT 1",
  )
  const { streams } = await ends.run({ orders: stream }, { parallel: 2 })
  expect(streams[0]!.status).toBe('failed')
  expect((await left(ends)).tables).toBeGreaterThan(0)
  await ends.source.exec('UPDATE orders SET at = NULL')
  return ends
}

/** Staging tables, and names of what is kept of ranges. */
async function left({ target }: TwoEnds): Promise<{ readonly tables: number; readonly states: readonly unknown[] }> {
  const tables = await target.rows(`SELECT table_name FROM information_schema.tables
    WHERE table_name LIKE '%airlock_part%' AND table_schema IN ('_airlock_staging', '${target.name}')`)
  const states = await target.rows(`SELECT stream FROM _airlock_state
    WHERE stream LIKE '%part%' OR stream LIKE '%range%' ORDER BY stream`)
  return { tables: tables.length, states: states.flat() }
}

/** The claim of a job that reads a range, of a run in sandboxes. */
async function claimed({ target }: TwoEnds): Promise<void> {
  const claim = JSON.stringify({ holder: 'run-1.orders', number: 1, rows: null })
  await target.exec(`INSERT INTO _airlock_state SELECT DISTINCT pipeline, 'orders#range-4#fence', '${claim}',
    CURRENT_TIMESTAMP FROM _airlock_state`)
}

const sums = async ({ target }: TwoEnds) => (await target.rows('SELECT count(*), sum(n) FROM orders'))[0]
const NOTHING = { tables: 0, states: [] }

for (const to of ['postgres', 'mysql'] as const satisfies readonly EngineName[]) {
  describeWith(['mysql', to], `ranges that wait at ${to}`, (engines: Record<string, Engine>) => {
    const begin = (stream: object) => interrupted(engines['mysql']!, engines[to]!, stream)

    // Seen red without the look before a whole write: four ranges waited on, for the next run to write once more.
    it('are not taken over once the table was written as a whole', { timeout: TIMEOUT }, async () => {
      const ends = await begin(BY_RANGES)
      await claimed(ends)
      await ends.source.exec('UPDATE orders SET n = 1')
      expect(await ends.move(BY_RANGES, { parallel: 1 })).toMatchObject({ rows_written: ROWS, ranges: null })
      expect(await left(ends)).toEqual(NOTHING)
      const again = await ends.move(BY_RANGES, { parallel: 2 })
      expect(again).toMatchObject({ rows_read: ROWS, ranges: { total: 5, skipped: 0 } })
      expect(await sums(ends)).toEqual([String(ROWS), String(ROWS)])
      expect(await left(ends)).toEqual(NOTHING)
    })

    // Seen red without the ledger in that look, and in the plan of ranges.
    it('of a resumable load are not either, nor by ranges of another kind', { timeout: TIMEOUT }, async () => {
      const resumable = { ...STREAM, resume: { ranges: 5 } }
      const ends = await begin(resumable)
      await ends.source.exec('UPDATE orders SET n = 1')
      await ends.move(STREAM)
      expect(await left(ends)).toEqual(NOTHING)
      expect(await ends.move(resumable)).toMatchObject({ rows_read: ROWS, ranges: { total: 5, skipped: 0 } })
      expect(await sums(ends)).toEqual([String(ROWS), String(ROWS)])
      const other = await begin(resumable)
      await other.move(BY_RANGES, { parallel: 2 })
      expect(await left(other)).toEqual(NOTHING)
    })

    // Seen red without the age.
    it('are not taken over after seven days', { timeout: TIMEOUT }, async () => {
      const ends = await begin(BY_RANGES)
      const age = to === 'mysql' ? 'INTERVAL 8 DAY' : "INTERVAL '8 days'"
      await ends.target.exec(`UPDATE _airlock_state SET saved_at = saved_at - ${age}`)
      const report = await ends.move(BY_RANGES, { parallel: 2 })
      expect(report).toMatchObject({ rows_read: ROWS, rows_written: ROWS, ranges: { total: 5, skipped: 0 } })
      expect(await left(ends)).toEqual(NOTHING)
    })

    // Seen red with the claims left alone.
    it('are taken over by a run that ends the claims of the one before', { timeout: TIMEOUT }, async () => {
      const ends = await begin(BY_RANGES)
      const { tables } = await left(ends)
      await claimed(ends)
      const report = await ends.move(BY_RANGES, { parallel: 2 })
      expect(report).toMatchObject({ rows_written: ROWS, ranges: { total: 5, skipped: tables } })
      expect(report.notes.join()).toContain(`${tables} ranges are as an earlier attempt has read them`)
      expect(await left(ends)).toEqual(NOTHING)
    })

    it('cost a target nothing that never had any, nor one whose states nobody may see', {
      timeout: TIMEOUT,
    }, async () => {
      const ends = await twoEnds(engines['mysql']!, engines[to]!)
      onTestFinished(() => ends[Symbol.asyncDispose]())
      await ends.source.exec('CREATE TABLE orders (id INT PRIMARY KEY); INSERT INTO orders VALUES (1)')
      await ends.move(STREAM)
      const tables = await ends.target.rows(
        `SELECT table_name FROM information_schema.tables WHERE table_schema IN ('public', '${ends.target.name}')`,
      )
      expect(tables).toEqual([['orders']])
      if (to === 'mysql') return
      // Of another user, who keeps it to himself.
      await ends.target.exec(
        `CREATE TABLE public._airlock_state (pipeline text, stream text, value text, saved_at timestamptz);
        REVOKE ALL ON public._airlock_state FROM PUBLIC, "${ends.target.user}"`,
        'admin',
      )
      expect(await ends.move(STREAM)).toMatchObject({ rows_written: 1 })
    })
  })
}
