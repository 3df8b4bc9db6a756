import { createHash } from 'node:crypto'
import { expect, it } from 'vitest'
import { describeWith } from '../setup/engines.js'
import { type TwoEnds, twoEnds } from './two-ends.js'

const ROWS = 3000
const TIMEOUT = 120_000
const RANGES = 6

function uuid(seed: number, version: '1' | '4' | '7'): string {
  const hex = createHash('sha256').update(String(seed)).digest('hex')
  const time = (10_000_000 + seed * 7919).toString(16).padStart(8, '0')
  if (version === '1') return `${time}-e59d-11f1-ae97-02fc00000001`
  if (version === '7') return `01900000-${time.slice(-4)}-7${hex.slice(0, 3)}-8${hex.slice(3, 6)}-${hex.slice(6, 18)}`
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(12, 15)}-a${hex.slice(15, 18)}-${hex.slice(18, 30)}`
}

async function insert({ source }: TwoEnds, table: string, value: (row: number) => string): Promise<void> {
  for (let done = 0; done < ROWS; done += 500) {
    const rows = Array.from({ length: 500 }, (_, at) => `(${value(done + at)}, ${done + at})`)
    await source.exec(`INSERT INTO ${table} VALUES ${rows.join(', ')}`)
  }
}

/** Moves a table by ranges, and gives the rows of each of them, the smallest first. */
async function sizes(ends: TwoEnds, stream: object, parallel = 3): Promise<readonly number[]> {
  // What a range fails over for good leaves the others, and what they have.
  const report = await ends.move({ mode: 'replace', target_table: 'all', ...stream }, { parallel, verify: 'checksum' })
  expect([report.rows_read, report.rows_written]).toEqual([ROWS, ROWS])
  const { rows } = await marksOf(ends, stream)
  return rows.sort((a, b) => a - b)
}

/** What the marks of a load say that cannot commit: its ranges wait. */
async function marksOf(ends: TwoEnds, stream: object): Promise<{ readonly rows: number[]; readonly bounds: string[] }> {
  await ends.target.exec('DROP TABLE IF EXISTS stuck; CREATE TABLE stuck (id TEXT, n INT CHECK (n < 0))')
  const { streams } = await ends.run({ stuck: { mode: 'append', ...stream, target_table: 'stuck' } }, { parallel: 3 })
  expect(streams[0]!.error?.code).toBe('CONSTRAINT_VIOLATED')
  const saved = await ends.target.rows("SELECT value FROM _airlock_state WHERE stream LIKE 'stuck#part-%'")
  const marks = saved.map(([value]) => JSON.parse(value!) as { rows: number; bounds: string[] })
  await ends.target.exec("DELETE FROM _airlock_state WHERE stream LIKE 'stuck#part-%'")
  return { rows: marks.map(({ rows }) => rows), bounds: marks[0]!.bounds }
}

describeWith(['mysql', 'postgres'], 'a stream by ranges of uuids', ({ mysql, postgres }) => {
  for (const [engine, type, versions] of [
    ['postgres', 'uuid', ['1', '4', '7']],
    ['mysql', 'UUID', ['1', '4', '7']],
    ['mysql', 'BINARY(16)', ['4', '7']],
  ] as const) {
    const isBinary = type === 'BINARY(16)'
    // Seen red with the points in another order than the server's.
    it(`brings every row of ${engine} ${type} once, in ranges of about one size`, { timeout: TIMEOUT }, async ({
      skip,
    }) => {
      const source = engine === 'mysql' ? mysql : postgres
      if (type === 'UUID' && !source.version.startsWith('MariaDB')) skip('MySQL has no type of its own for uuids')
      await using ends = await twoEnds(source, postgres)
      for (const version of versions) {
        await ends.source.exec(`CREATE TABLE keys${version} (id ${type} NOT NULL PRIMARY KEY, n INT NOT NULL)`)
        const literal = (row: number) => {
          const text = uuid(row, version)
          return isBinary ? `x'${text.replaceAll('-', '')}'` : `'${text}'`
        }
        await insert(ends, `keys${version}`, literal)
        const policies = isBinary ? { binary16: 'uuid' } : {}
        const stream = { table: `keys${version}`, partition_by: { column: 'id', ranges: RANGES }, policies }
        const found = await sizes(ends, stream)
        expect(found).toHaveLength(RANGES)
        expect(found[0]).toBeGreaterThan(ROWS / RANGES / 2)
        expect(await ends.target.rows('SELECT count(DISTINCT id), sum(n) FROM "all"')).toEqual([
          [String(ROWS), String((ROWS * (ROWS - 1)) / 2)],
        ])
      }
    })
  }

  // Seen red with points at equal distances.
  it('follows a sample where the keys of a Postgres table are skewed', { timeout: TIMEOUT }, async () => {
    await using ends = await twoEnds(postgres, postgres)
    await ends.source.exec('CREATE TABLE keys (id BIGINT NOT NULL PRIMARY KEY, n INT NOT NULL)')
    await insert(ends, 'keys', (row) => String(row < ROWS - 1 ? row : 9_000_000_000_000))
    const found = await sizes(ends, { table: 'keys', partition_by: { column: 'id', ranges: RANGES } })
    expect(found).toEqual(Array.from({ length: RANGES }, () => ROWS / RANGES))
  })
})

describeWith(['postgres'], 'a stream by blocks', ({ postgres }) => {
  const BLOCKS = { mode: 'replace', partition_by: { column: 'ctid', ranges: 4 } }
  const total = async ({ target }: TwoEnds) => (await target.rows('SELECT count(*), sum(n) FROM orders'))[0]
  const EXPECTED = [String(ROWS), String((ROWS * (ROWS - 1)) / 2)]

  // Seen red without the snapshot, and with the ranges of the failed run taken over.
  it('brings each row once though rows move while it is read, and after an interruption', {
    timeout: TIMEOUT,
  }, async () => {
    await using ends = await twoEnds(postgres, postgres)
    await ends.source.exec('CREATE TABLE orders (name TEXT, n INT NOT NULL) WITH (fillfactor = 50)')
    await insert(ends, 'orders', (row) => `repeat('n', 100) || ${row}`)
    let done = false
    const moving = (async () => {
      for (let at = 0; !done; at = (at + 100) % ROWS) {
        await ends.source.exec(`UPDATE orders SET name = name WHERE n BETWEEN ${at} AND ${at + 99}`)
      }
    })()
    moving.catch(() => undefined)
    try {
      for (let round = 0; round < 3; round++) {
        const report = await ends.move(BLOCKS, { parallel: 3 })
        expect(report.notes.join()).toContain('all ranges were read in one snapshot')
        expect(report.ranges).toEqual({ total: 4, skipped: 0 })
        expect(await total(ends)).toEqual(EXPECTED)
      }
    } finally {
      done = true
      await moving
    }
    await ends.target.exec('DROP TABLE orders; CREATE TABLE orders (name TEXT, n INT CHECK (n < 1000000))')
    await ends.source.exec('INSERT INTO orders VALUES (NULL, 1000000)')
    const stream = { ...BLOCKS, mode: 'append' }
    expect((await ends.run({ orders: stream }, { parallel: 2 })).streams[0]!.error?.code).toBe('CONSTRAINT_VIOLATED')
    const marks = () => ends.target.rows("SELECT stream FROM _airlock_state WHERE stream LIKE '%#part-%'")
    // Of blocks nobody takes over what a run has read that failed.
    expect(await marks()).toEqual([])
    await ends.source.exec('DELETE FROM orders WHERE n = 1000000; UPDATE orders SET name = name')
    await ends.source.exec('VACUUM FULL orders')
    const report = await ends.move(stream, { parallel: 2 })
    expect([report.rows_read, report.ranges]).toEqual([ROWS, { total: 4, skipped: 0 }])
    expect(await total(ends)).toEqual(EXPECTED)
    expect(await marks()).toEqual([])
  })

  it('is refused for what has no blocks of its own, with the reason', { timeout: TIMEOUT }, async () => {
    await using ends = await twoEnds(postgres, postgres)
    await ends.source.exec(`CREATE TABLE parts (n INT) PARTITION BY RANGE (n);
      CREATE TABLE part_1 PARTITION OF parts FOR VALUES FROM (0) TO (10); CREATE VIEW seen AS SELECT * FROM parts`)
    for (const table of ['parts', 'seen']) {
      const { error } = (await ends.run({ orders: { ...BLOCKS, table } }, { parallel: 2 })).streams[0]!
      expect([error?.code, error?.message]).toEqual([
        'UNSUPPORTED',
        expect.stringContaining('only a table itself has blocks'),
      ])
    }
  })
})
