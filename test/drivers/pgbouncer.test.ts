import { readFile } from 'node:fs/promises'
import pg from 'pg'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import type { Batch } from '../../src/core/batch.js'
import type { ManagedSession } from '../../src/core/managed-session.js'
import { supabase } from '../../src/drivers/index.js'
import { countSockets, type Pgbouncer, settle } from '../../src/testing/index.js'
import { gated } from './gated.js'
import { batches, column, numbers } from './rows.js'
import { describePooled, makeProject, type Project, projectSettings } from './supabase-project.js'
import { failure, timed } from './support.js'

const POOL = 2

describePooled('Postgres through a PgBouncer in transaction mode', (engine, start) => {
  let pooler: Pgbouncer
  let project: Project
  beforeAll(async () => {
    // `server_check_query` would hide a session that was left in a bad state.
    pooler = await start({ default_pool_size: String(POOL), query_wait_timeout: '3', server_check_query: '' })
    project = await makeProject(engine)
    await project.database.exec(`
      ALTER DATABASE ${project.database.name} SET timezone = 'Asia/Tokyo';
      ALTER DATABASE ${project.database.name} SET bytea_output = 'escape';
      ALTER DATABASE ${project.database.name} SET client_encoding = 'LATIN1';
      ALTER DATABASE ${project.database.name} SET statement_timeout = '1234567ms'`)
  })
  afterAll(async () => {
    await pooler.stop()
    await project.drop()
  })
  beforeEach(async () => {
    // What the test before has aborted may still be ending, with locks that stand crosswise to those of the DROPs.
    await expect.poll(states).toBe('')
    await project.database.exec(
      `
      DROP OWNED BY "${project.tenant}";
      GRANT ALL ON SCHEMA public TO "${project.tenant}";
      DROP TABLE IF EXISTS big, t, u;
      CREATE TABLE big AS SELECT i AS id, repeat('x', 40) || i AS body FROM generate_series(1, 200000) i;
      CREATE TABLE t (id int); INSERT INTO t VALUES (-1);
      CREATE TABLE u (id int); INSERT INTO u VALUES (-1);
      GRANT ALL ON ALL TABLES IN SCHEMA public TO "${project.tenant}"`,
      'admin',
    )
  })

  const open = (password?: string): Promise<ManagedSession> => {
    const { host, port } = pooler
    return supabase.open(projectSettings(project, [{ kind: 'transaction_pooler', host, port }], password))
  }
  const states = async (): Promise<string> => {
    const sql = `SELECT state FROM pg_stat_activity WHERE usename = '${project.tenant}' AND state <> 'idle'`
    return (await project.database.rows(sql, 'admin')).flat().join()
  }

  it('extracts, creates, appends, replaces and merges, and leaves nothing behind in the sessions of the pool', async () => {
    await using source = await open()
    await using target = await open()
    const created = await target.write({ table: 'copy', mode: 'replace' }, source.extract({ table: 'big' }))
    expect(created).toMatchObject({ route: 'create', rowsSent: 200_000, rowsConfirmed: 200_000, rowsCounted: 200_000 })
    const appended = await target.write(
      { table: 'copy', mode: 'append' },
      source.extract({ table: 'big', where: 'id < 4' }),
    )
    expect(appended).toMatchObject({ route: 'direct', rowsCounted: 3 })
    const staged = await target.write(
      { table: 'copy', mode: 'replace' },
      source.extract({ table: 'big', where: 'id > 10' }),
    )
    expect(staged).toMatchObject({ route: 'staged', rowsSent: 199_990, rowsCounted: 199_990 })
    const plan = { table: 'copy', mode: 'replace' } as const
    expect(await target.write(plan, batches([column('id', 'int32')]))).toMatchObject({
      route: 'staged',
      rowsCounted: 0,
    })
    expect(await target.write(plan, source.extract({ table: 'big' }))).toMatchObject({ route: 'direct' })
    const merge = { table: 'copy', mode: 'merge', primaryKey: ['id'], checksum: true } as const
    const key = { pipeline: 'pooled', stream: 'copy' }
    const state = { key, value: () => '{"to": 200000}' }
    const merged = await target.write({ ...merge, state }, source.extract({ table: 'big', where: 'id > 100000' }))
    expect(merged).toMatchObject({ rowsCounted: 100_000, changes: { inserted: 0, updated: 100_000, duplicates: 0 } })
    expect(await target.readState('pooled')).toMatchObject([{ ...key, value: '{"to": 200000}' }])
    await target.resetState(key)
    expect(await target.readState(undefined)).toEqual([])
    const window = { table: 'copy', mode: 'delete+insert', window: { column: 'id', from: '5', to: '9' } } as const
    const windowed = await target.write(window, source.extract({ table: 'big', where: 'id BETWEEN 5 AND 8' }))
    expect(windowed).toMatchObject({ rowsCounted: 4, changes: { inserted: 4, deleted: 4 } })
    const difference = 'SELECT count(*) FROM (TABLE big EXCEPT ALL TABLE copy) d'
    expect(await project.database.rows(difference, 'admin')).toEqual([['0']])
    // Unknown, until autovacuum has come by.
    expect([undefined, 200_000]).toContain((await source.describe({ table: 'big' })).estimatedRows)
    expect((await target.outline(plan, [column('id', 'int32')])).targetExists).toBe(true)
    expect(await states()).toBe('')
    expect(await leftBehind(pooler, project)).toEqual(Array(POOL).fill(['Asia/Tokyo', '1234567ms', '0', '0', '0']))
  })

  it('gives canonical cells, whichever session of the pool it gets', async () => {
    await using one = await open()
    await using two = await open()
    const query = "SELECT timestamptz '2024-06-01 12:00+03' AS at, '\\x00ff'::bytea AS raw, 'é😀' AS text"
    const first = one.extract({ query })[Symbol.asyncIterator]()
    const held = await first.next()
    const expected = [{ at: '2024-06-01 09:00:00+00', raw: new Uint8Array([0, 255]), text: 'é😀' }]
    expect(await objects(two.extract({ query }))).toEqual(expected)
    expect([...(held.value as Batch).objects()]).toEqual(expected)
    expect((await first.next()).done).toBe(true)
  })

  it('serves more sessions than the pool has, two of them staging at the same time', async () => {
    const sessions = await Promise.all(Array.from({ length: POOL * 2 }, () => open()))
    try {
      const [one, two] = sessions as [ManagedSession, ManagedSession]
      const held = gated(numbers('id', 5000), 2)
      const write = one.write({ table: 't', mode: 'replace' }, held.batches)
      await held.reached
      const other = await two.write({ table: 'u', mode: 'replace' }, numbers('id', 3000))
      held.open()
      expect([(await write).route, (await write).rowsCounted]).toEqual(['staged', 5000])
      expect([other.route, other.rowsCounted]).toEqual(['staged', 3000])
      for (const session of sessions) await session.ping()
    } finally {
      await Promise.all(sessions.map((session) => session.close()))
    }
    expect(await engine.sessions({ user: project.tenant })).toBeLessThanOrEqual(POOL)
    expect(await settle(() => countSockets(pooler.port), 0, 3_000)).toBe(0)
  })

  it('cancels through the pooler: an early break, an abort while it waits, an aborted write', async () => {
    await using session = await open()
    for await (const _ of session.extract({ table: 'big', batchBytes: 4096, bufferBytes: 4096 })) break
    expect(await settle(async () => (await states()).length, 0, 2_000)).toBe(0)
    const sleeping = session.extract({ query: 'SELECT 1 FROM pg_sleep(60)' }, AbortSignal.timeout(300))
    const { ms } = await timed(() => failure(objects(sleeping), 'DEADLINE_EXCEEDED'))
    expect(ms).toBeLessThan(2_500)
    expect(await settle(async () => (await states()).length, 0, 2_000)).toBe(0)
    const stop = new AbortController()
    const source = gated(numbers('id', 100_000), 5)
    const write = failure(session.write({ table: 't', mode: 'replace' }, source.batches, stop.signal), 'ABORTED')
    await source.reached
    stop.abort()
    source.open()
    await write
    expect(await settle(async () => (await states()).length, 0, 2_000)).toBe(0)
    expect(await project.database.rows('TABLE t', 'admin')).toEqual([['-1']])
    expect(await objects(session.extract({ table: 't' }))).toEqual([{ id: '-1' }])
  })

  it('rolls a refused write back and goes on', async () => {
    await using session = await open()
    await project.database.exec('ALTER TABLE t ADD CHECK (id < 100)', 'admin')
    const refused = session.write({ table: 't', mode: 'append' }, numbers('id', 5000))
    expect((await failure(refused, 'CONSTRAINT_VIOLATED')).origin).toBe('23514')
    expect(await states()).toBe('')
    await session.write({ table: 't', mode: 'append' }, batches([column('id', 'int32')], [['7']]))
    expect(await project.database.rows('TABLE t', 'admin')).toEqual([['-1'], ['7']])
  })

  it('stops at a wrong password, whatever other endpoints there are', async () => {
    const { host, port } = pooler
    const endpoints = [
      { kind: 'transaction_pooler', host, port },
      { kind: 'session_pooler', host, port },
      { kind: 'direct', host: engine.host, port: engine.port },
    ] as const
    const log = async () => await readFile(pooler.logFile ?? '', 'utf8')
    const before = (await log()).length
    await failure(supabase.open(projectSettings(project, [...endpoints], 'not the password')), 'AUTH_FAILED')
    expect((await log()).slice(before).match(/pooler error: SASL authentication failed/g)).toHaveLength(1)
    expect(await settle(() => countSockets(pooler.port), 0, 3_000)).toBe(0)
  })

  it('says POOLER_REFUSED where there is no such database, and no free session', async () => {
    const { host, port } = pooler
    const elsewhere = { ...projectSettings(project, [{ kind: 'transaction_pooler', host, port }]), database: 'nowhere' }
    expect((await failure(supabase.open(elsewhere), 'POOLER_REFUSED')).exitCode).toBe(3)
    const held = gated(numbers('id', 3000), 1)
    const other = gated(numbers('id', 3000), 1)
    await using one = await open()
    await using two = await open()
    const writes = [
      one.write({ table: 't', mode: 'append' }, held.batches),
      two.write({ table: 'u', mode: 'append' }, other.batches),
    ]
    await Promise.all([held.reached, other.reached])
    // Both sessions of the pool are in a transaction now; the third waits for query_wait_timeout.
    expect((await failure(open(), 'POOLER_REFUSED')).retryable).toBe(true)
    held.open()
    other.open()
    expect((await Promise.all(writes)).map(({ rowsCounted }) => rowsCounted)).toEqual([3000, 3000])
  })

  it('fails within a second when the pooler dies under a statement, and the server ends it', async () => {
    const session = await open()
    const rows = failure(objects(session.extract({ query: 'SELECT 1 FROM pg_sleep(60)' })), 'CONNECTION_LOST')
    expect(await settle(async () => ((await states()) === 'active' ? 1 : 0), 1, 3_000)).toBe(1)
    await pooler.kill()
    expect((await timed(() => rows)).ms).toBeLessThan(5_000)
    await session.close()
    // By client_connection_check_interval, which is pinned in each transaction.
    expect(await settle(() => engine.sessions({ user: project.tenant }), 0, 4_000)).toBe(0)
    expect(await settle(() => countSockets(pooler.port), 0, 2_000)).toBe(0)
  })
})

async function objects(source: AsyncIterable<Batch>): Promise<unknown[]> {
  const list: unknown[] = []
  for await (const batch of source) list.push(...batch.objects())
  return list
}

/** What each session of the pool has kept: settings, temporary tables, prepared statements, advisory locks. */
async function leftBehind({ host, port }: Pgbouncer, { tenant: user, database }: Project): Promise<unknown[]> {
  const clients = Array.from(
    { length: POOL },
    () => new pg.Client({ host, port, user, password: database.password, database: database.name, ssl: false }),
  )
  const seen: unknown[] = []
  for (const client of clients) {
    await client.connect()
    // An open transaction keeps its session, so that the next client gets another one.
    await client.query('BEGIN')
    const text = `SELECT current_setting('TimeZone'), current_setting('statement_timeout'),
      (SELECT count(*) FROM pg_class WHERE relpersistence = 't'),
      (SELECT count(*) FROM pg_prepared_statements),
      (SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database
        WHERE locktype = 'advisory' AND datname = current_database())`
    seen.push((await client.query({ text, rowMode: 'array' })).rows[0])
  }
  for (const client of clients) await client.end()
  return seen
}
