import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { ManagedSession } from '../../src/core/managed-session.js'
import type { HeldSnapshot } from '../../src/core/shared-snapshot.js'
import { settle, type TestDatabase } from '../../src/testing/index.js'
import { describeWith } from '../setup/engines.js'
import { open } from './support.js'

const TIMEOUT = 120_000
const never = new AbortController().signal

async function hold(session: ManagedSession, table: string): Promise<HeldSnapshot> {
  const held = await session.holdSnapshot(table)
  if (typeof held === 'string') throw new Error(held)
  return held
}

async function read(session: ManagedSession, table: string, range: { from?: string; to?: string } = {}) {
  const ids: unknown[] = []
  for await (const batch of session.extract({ table, select: ['id'], range: { column: 'id', ...range } }, never)) {
    for (const { id } of batch.objects()) ids.push(id)
  }
  return ids.sort()
}

describeWith(['postgres'], 'a snapshot of a Postgres table that several sessions share', ({ postgres }) => {
  let database: TestDatabase
  beforeAll(async () => {
    database = await postgres.createDatabase('shared')
    await database.exec(`
      CREATE TABLE days (id INT NOT NULL, day INT NOT NULL) PARTITION BY RANGE (day);
      CREATE TABLE day_1 PARTITION OF days FOR VALUES FROM (0) TO (10) PARTITION BY RANGE (id);
      CREATE TABLE day_1_1 PARTITION OF day_1 FOR VALUES FROM (0) TO (100);
      CREATE TABLE parents (id INT NOT NULL, day INT NOT NULL); CREATE TABLE child () INHERITS (parents);
      INSERT INTO days VALUES (1, 1), (2, 2); INSERT INTO child VALUES (1, 1), (2, 2)`)
  })
  afterAll(() => database.drop())
  const refused = (statement: string) =>
    expect(database.exec(`SET lock_timeout = '300ms'; ${statement}`)).rejects.toThrow()

  // Seen red, for partitions, with a condition that is never true in the place of a limit.
  it.each([
    ['days', 'day_1_1'],
    ['parents', 'child'],
  ])('keeps what %s is made of as it is, for who holds it and who has entered it', async (table, part) => {
    await using holder = await open(postgres, database)
    await using reader = await open(postgres, database)
    const held = await hold(holder, table)
    await refused(`TRUNCATE ${part}`)
    expect(await reader.enterSnapshot(held)).toBe(true)
    await held[Symbol.asyncDispose]()
    await refused(`TRUNCATE ${part}`)
    expect(await read(reader, table)).toEqual(['1', '2'])
    await reader.reset()
    await database.exec(`BEGIN; SET LOCAL lock_timeout = '30s'; TRUNCATE ${part}; ROLLBACK`)
  })

  // Seen red with a transaction for each read.
  it('lets its readers go on while somebody waits to alter the table', { timeout: TIMEOUT }, async () => {
    await database.exec('CREATE TABLE waited AS SELECT id FROM generate_series(1, 9) id')
    await using holder = await open(postgres, database)
    await using reader = await open(postgres, database)
    const held = await hold(holder, 'waited')
    expect(await reader.enterSnapshot(held)).toBe(true)
    expect(await read(reader, 'waited', { to: '4' })).toEqual(['1', '2', '3'])
    const altering = database.exec('ALTER TABLE waited ADD note TEXT')
    altering.catch(() => undefined)
    const waiting = async () => {
      const [[count] = []] = await database.rows(
        "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'relation'",
      )
      return Number(count)
    }
    expect(await settle(waiting, 1, 10_000)).toBe(1)
    expect(await read(reader, 'waited', { from: '4', to: '7' })).toEqual(['4', '5', '6'])
    // What is left early, and what fails, leaves the reader in the snapshot.
    for await (const _ of reader.extract({ table: 'waited' }, never)) break
    await expect(read(reader, 'absent')).rejects.toThrow()
    await reader.ping()
    expect(await read(reader, 'waited', { from: '7' })).toEqual(['7', '8', '9'])
    expect(await waiting()).toBe(1)
    await Promise.all([held[Symbol.asyncDispose](), reader.reset()])
    await altering
  })

  // Seen red with a ping that ended the transaction.
  it('is still there after its session was asked whether it answers, and not after that is gone', async () => {
    await using holder = await open(postgres, database)
    await using reader = await open(postgres, database)
    const held = await hold(holder, 'parents')
    await holder.ping()
    await database.exec('INSERT INTO parents VALUES (3, 3)')
    expect(await reader.enterSnapshot(held)).toBe(true)
    expect(await read(reader, 'parents')).toEqual(['1', '2'])
    await reader.reset()
    expect(await read(reader, 'parents')).toEqual(['1', '2', '3'])
    await held[Symbol.asyncDispose]()
    expect(await reader.enterSnapshot(held)).toBe(false)
    expect(await read(reader, 'parents')).toEqual(['1', '2', '3'])
    await database.exec('DELETE FROM ONLY parents')
  })

  // Seen red with the partitions alone looked at, and with views held.
  it('is not given where rows may come from elsewhere', async () => {
    await database.exec(
      `CREATE FOREIGN DATA WRAPPER none; CREATE SERVER far FOREIGN DATA WRAPPER none;
      CREATE TABLE near (id INT); ALTER TABLE near OWNER TO "${database.user}"; CREATE TABLE nearer () INHERITS (near);
      CREATE FOREIGN TABLE away () INHERITS (nearer) SERVER far; CREATE VIEW seen AS SELECT * FROM parents;
      GRANT SELECT ON near, nearer, away, seen TO "${database.user}"`,
      'admin',
    )
    await using holder = await open(postgres, database)
    expect(await holder.holdSnapshot('near')).toMatch(/foreign table/)
    expect(await holder.holdSnapshot('away')).toMatch(/foreign table/)
    expect(await holder.holdSnapshot('seen')).toMatch(/view/)
    await using held = await hold(holder, 'parents')
    expect(held.table).toBe('parents')
  })

  // Seen red where the server's own limit stood.
  it('outlasts the time that a server gives to transactions', { timeout: TIMEOUT }, async ({ skip }) => {
    const known = await database.rows("SELECT FROM pg_settings WHERE name = 'transaction_timeout'")
    if (known.length === 0) skip('before PostgreSQL 17 there is no such limit')
    await database.exec(`ALTER DATABASE "${database.name}" SET transaction_timeout = '1s'`, 'admin')
    await using holder = await open(postgres, database)
    await using reader = await open(postgres, database)
    await using late = await open(postgres, database)
    const held = await hold(holder, 'parents')
    expect(await reader.enterSnapshot(held)).toBe(true)
    await sleep(2_500)
    expect(await late.enterSnapshot(held)).toBe(true)
    expect(await read(reader, 'parents')).toEqual(await read(late, 'parents'))
    await held[Symbol.asyncDispose]()
  })
})

describeWith(['postgres'], 'ranges of a Postgres table with children', ({ postgres }) => {
  const ROWS = 12_000

  // Seen red with the room of the parent alone.
  it('begin where a sample says, of which most is not read', { timeout: TIMEOUT }, async () => {
    const database = await postgres.createDatabase('children')
    try {
      // Four rows to a block.
      await database.exec(`CREATE TABLE parents (id INT NOT NULL, note TEXT); ALTER TABLE parents ALTER note SET STORAGE PLAIN;
        CREATE TABLE child () INHERITS (parents); ALTER TABLE child SET (autovacuum_enabled = off)`)
      await database.exec(`INSERT INTO child SELECT id, repeat('n', 1900) FROM generate_series(1, ${ROWS}) id`)
      {
        await using session = await open(postgres, database)
        const points = await session.splitKey({ table: 'parents', column: 'id', kind: 'whole', ranges: 3 })
        expect(points).toHaveLength(2)
        expect(Number(points[0])).toBeGreaterThan(ROWS / 6)
        expect(Number(points[0])).toBeLessThan(ROWS / 2)
      }
      // The session's figures come with its end.
      const seen = async () =>
        Number((await database.rows("SELECT seq_tup_read FROM pg_stat_user_tables WHERE relname = 'child'"))[0]?.[0])
      await expect.poll(seen, { timeout: 20_000 }).toBeGreaterThan(0)
      expect(await seen()).toBeLessThan(ROWS * 0.6)
    } finally {
      await database.drop()
    }
  })
})
