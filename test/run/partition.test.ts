import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { type Engine, type EngineName, FaultProxy } from '../../src/testing/index.js'
import { describeWith } from '../setup/engines.js'
import { type TwoEnds, twoEnds } from './two-ends.js'

const ROWS = 6000
const STREAM = { mode: 'replace', partition_by: { column: 'id', ranges: 5 } }
const TIMEOUT = 120_000
/** MySQL lists the tables of all databases, those of other suites too. */
const staged = ({ target }: TwoEnds) =>
  target.rows(`SELECT table_name FROM information_schema.tables WHERE table_name LIKE '%airlock_part%'
    AND table_schema IN ('public', '_airlock_staging', '${target.name}')`)

/** Keys from -2000 on, with gaps. */
async function fill(ends: TwoEnds): Promise<void> {
  await ends.source.exec(`
    CREATE TABLE orders (id BIGINT NOT NULL PRIMARY KEY, seen INT NOT NULL, amount DECIMAL(10,2), note VARCHAR(200))`)
  for (let done = 0; done < ROWS; done += 500) {
    const rows = Array.from({ length: 500 }, (_, at) => {
      const id = (done + at) * 3 - 2000
      return `(${id}, ${(done + at) % 40}, ${id / 4}, '${'n'.repeat(100)}${id}')`
    })
    await ends.source.exec(`INSERT INTO orders VALUES ${rows.join(', ')}`)
  }
}

for (const [from, to] of [
  ['mysql', 'postgres'],
  ['postgres', 'mysql'],
  ['postgres', 'postgres'],
] as const satisfies readonly (readonly [EngineName, EngineName])[]) {
  describeWith([from, to], `a stream by ranges from ${from} to ${to}`, (engines: Record<string, Engine>) => {
    let ends: TwoEnds
    beforeAll(async () => {
      ends = await twoEnds(engines[from]!, engines[to]!)
      await fill(ends)
    })
    afterAll(() => ends[Symbol.asyncDispose]())
    beforeEach(async () => {
      await ends.configure({})
      const staging = to === 'postgres' ? 'DROP SCHEMA IF EXISTS _airlock_staging CASCADE;' : ''
      await ends.target.exec(`${staging} DROP TABLE IF EXISTS _airlock_state; DROP TABLE IF EXISTS whole;
        DROP TABLE IF EXISTS orders; CREATE TABLE orders (id BIGINT PRIMARY KEY, seen INT, amount DECIMAL(10,2), note TEXT);
        INSERT INTO orders VALUES (-7, 1, 1, 'old')`)
    })
    const rows = (table: string) => ends.target.rows(`SELECT id, seen, amount, note FROM ${table} ORDER BY id`)

    // Seen red with the last range closed, and with the masks of the ranges left out.
    it('brings every row once, masked as without ranges, and leaves nothing else', { timeout: TIMEOUT }, async () => {
      const mask = { note: 'tokenize' }
      let last = 0
      const onProgress = (progress: { rows: number }) => {
        last = progress.rows
      }
      const report = await ends.move({ ...STREAM, mask }, { parallel: 3, verify: 'checksum', onProgress })
      expect(report).toMatchObject({
        ...{ rows_read: ROWS, rows_masked: ROWS, rows_sent: ROWS, rows_written: ROWS, attempts: 1 },
        ...{ ranges: { total: 5, skipped: 0 }, verification: { kind: 'checksum', ok: true } },
      })
      expect(report.notes.join()).toContain('all ranges were read in one snapshot')
      expect(last).toBe(ROWS)
      await ends.move({ mode: 'replace', table: 'orders', target_table: 'whole', mask })
      expect(await rows('orders')).toEqual(await rows('whole'))
      expect(await staged(ends)).toEqual([])
      expect(await ends.target.rows("SELECT stream FROM _airlock_state WHERE stream LIKE '%part%'")).toEqual([])
    })

    it('divides by a column that is no key, and keeps other modes', { timeout: TIMEOUT }, async () => {
      for (const mode of ['append', 'merge']) {
        const report = await ends.move({ mode, partition_by: 'seen' }, { parallel: 2 })
        expect(report).toMatchObject({ rows_read: ROWS, rows_written: ROWS, mode, ranges: { total: 2, skipped: 0 } })
      }
      expect(await ends.target.rows('SELECT COUNT(*) FROM orders')).toEqual([[String(ROWS + 1)]])
    })

    // Seen red with the pools as large as `--parallel` says.
    it('stays within max_connections, and reads in one piece where that leaves one pair', {
      timeout: TIMEOUT,
    }, async () => {
      await ends.configure({ source: { max_connections: 4 }, target: { max_connections: 4 } })
      const most = { source: 0, target: 0 }
      let counting = Promise.resolve()
      const count = async () => {
        for (const end of ['source', 'target'] as const) {
          const found = await engines[end === 'source' ? from : to]!.sessions({ user: ends[end].user })
          most[end] = Math.max(most[end], found)
        }
      }
      const onProgress = () => {
        counting = counting.then(count)
      }
      const streams = { orders: STREAM, whole: { ...STREAM, table: 'orders', target_table: 'whole' } }
      const report = await ends.run(streams, { parallel: 10, onProgress })
      await counting
      expect(report.streams.map(({ status, ranges }) => [status, ranges?.total])).toEqual([
        ['ok', 5],
        ['ok', 5],
      ])
      expect(Math.max(most.source, most.target)).toBeLessThanOrEqual(4)
      await ends.configure({ source: { max_connections: 1 }, target: { max_connections: 1 } })
      expect(await ends.move(STREAM, { parallel: 10 })).toMatchObject({ rows_written: ROWS, ranges: null })
    })

    // Seen red with the abort kept from the readers.
    it('leaves the target and both servers as they were when it is aborted', { timeout: TIMEOUT }, async () => {
      await using proxy = await FaultProxy.start(engines[from]!, { kind: 'throttle', bytesPerSecond: 100_000 })
      await ends.configure({ source: { port: proxy.port } })
      const abort = new AbortController()
      const onProgress = () => abort.abort()
      const report = await ends.run({ orders: STREAM }, { parallel: 3, signal: abort.signal, onProgress })
      expect([report.status, report.streams[0]!.error?.code]).toEqual(['cancelled', 'ABORTED'])
      expect(await ends.target.rows('SELECT id, note FROM orders')).toEqual([['-7', 'old']])
      for (const deadline = Date.now() + 20_000; Date.now() < deadline; await sleep(50)) {
        const found = await Promise.all([
          engines[from]!.sessions({ user: ends.source.user }),
          engines[to]!.sessions({ user: ends.target.user }),
        ])
        if (found.every((count) => count === 0)) break
      }
      expect(await engines[from]!.sessions({ user: ends.source.user })).toBe(0)
      expect(await engines[to]!.sessions({ user: ends.target.user })).toBe(0)
      const marks = await staged(ends)
      expect(marks.length).toBeLessThan(5)
      await ends.configure({})
      expect(await ends.move(STREAM, { parallel: 3 })).toMatchObject({ ranges: { total: 5, skipped: marks.length } })
      expect(await staged(ends)).toEqual([])
    })
  })
}

describeWith(['mysql', 'postgres'], 'a stream by ranges', (engines) => {
  let ends: TwoEnds
  beforeAll(async () => {
    ends = await twoEnds(engines.mysql, engines.postgres)
    await fill(ends)
    await ends.source.exec('CREATE TABLE named (name VARCHAR(20) NOT NULL PRIMARY KEY, n INT)')
  })
  afterAll(() => ends[Symbol.asyncDispose]())

  // Seen red without the look at the masks.
  it('refuses what it cannot divide, with the rule', { timeout: TIMEOUT }, async () => {
    const refusal = async (stream: object) => {
      const { error } = (await ends.run({ orders: stream }, { parallel: 2 })).streams[0]!
      return [error?.code, error?.message]
    }
    const named = { mode: 'replace', table: 'named' }
    for (const [stream, code, problem] of [
      [{ ...STREAM, mask: { id: 'tokenize' } }, 'POLICY_REFUSED', 'values of id, which is masked'],
      [{ ...STREAM, partition_by: 'ids' }, 'COLUMN_NOT_FOUND', 'id'],
      [{ ...named, partition_by: 'name' }, 'CONFIG_INVALID', 'only whole numbers and uuids can be divided'],
      [{ ...named, partition_by: 'n' }, 'CONFIG_INVALID', 'rows without a value lie in no range'],
    ] as const) {
      expect(await refusal(stream)).toEqual([code, expect.stringContaining(problem)])
    }
    for (const [other, problem] of [
      [{ mode: 'merge', cursor: 'id' }, 'a stream with a cursor is read in one piece'],
      [{ query: 'SELECT 1 AS id' }, 'a query or a GraphQL document cannot be divided'],
      [{ resume: true }, 'leave one of the two out'],
      [{ mode: 'delete+insert' }, 'it needs mode append, replace or merge'],
    ] as const) {
      await expect(ends.run({ orders: { ...STREAM, ...other } })).rejects.toThrow(problem)
    }
  })

  // Seen red without the look at the claim: two ranges were taken over, and would have been appended a second time.
  it.each([
    ['and nobody has claimed the table since', ROWS],
    ['and another that has died too has claimed the table since', null],
  ])(
    'does not write again what a run had committed that died before it forgot its ranges, %s',
    {
      timeout: TIMEOUT,
    },
    async (_, committed) => {
      await ends.source.exec('DROP TABLE IF EXISTS done')
      await ends.target.exec('DROP TABLE IF EXISTS done')
      await ends.source.exec(`CREATE TABLE done (id INT NOT NULL PRIMARY KEY, at DATETIME NULL);
      SET SESSION sql_mode = ''; INSERT INTO done SELECT id, NULL FROM orders;
      UPDATE done SET at = '0000-00-00 00:00:00' ORDER BY id DESC LIMIT 1`)
      const stream = { ...STREAM, mode: 'append', table: 'done', policies: { zero_dates: 'error' } }
      await ends.run({ orders: stream }, { parallel: 2 })
      expect((await staged(ends)).length).toBeGreaterThan(0)
      const claim = JSON.stringify({ holder: 'the run that died', number: 1, rows: committed })
      await ends.target.exec(
        `INSERT INTO _airlock_state VALUES ('nightly', 'orders#fence', '${claim}', clock_timestamp())
        ON CONFLICT (pipeline, stream) DO UPDATE SET value = excluded.value, saved_at = excluded.saved_at`,
      )
      await ends.source.exec('UPDATE done SET at = NULL')
      const second = await ends.move(stream, { parallel: 2 })
      expect(second).toMatchObject({ rows_read: ROWS, rows_written: ROWS, ranges: { total: 5, skipped: 0 } })
      expect(await staged(ends)).toEqual([])
    },
  )

  // Seen red with the finished ranges read again.
  it('keeps the finished ranges when one fails for good, for the next run', { timeout: TIMEOUT }, async () => {
    await ends.source.exec(`CREATE TABLE dated (id INT NOT NULL PRIMARY KEY, at DATETIME NULL);
      SET SESSION sql_mode = ''; INSERT INTO dated SELECT id, NULL FROM orders;
      UPDATE dated SET at = '0000-00-00 00:00:00' ORDER BY id DESC LIMIT 1`)
    const stream = { ...STREAM, table: 'dated', policies: { zero_dates: 'error' } }
    const first = (await ends.run({ orders: stream }, { parallel: 2 })).streams[0]!
    expect([first.status, first.attempts]).toEqual(['failed', 1])
    expect(await ends.target.rows("SELECT to_regclass('public.orders')::text")).toEqual([[null]])
    const waiting = await staged(ends)
    // The fifth is the last to begin, and three at least are finished before it.
    expect([3, 4]).toContain(waiting.length)
    await ends.source.exec('UPDATE dated SET at = NULL')
    const second = await ends.move(stream, { parallel: 2 })
    expect(second).toMatchObject({ rows_written: ROWS, ranges: { total: 5, skipped: waiting.length } })
    expect(second.rows_read).toBeLessThan(ROWS / 2)
    expect(second.notes.join()).toContain(`${waiting.length} ranges are as an earlier attempt has read them`)
    expect(await staged(ends)).toEqual([])
  })
})
