import { afterAll, beforeAll, expect, it } from 'vitest'
import type { ManagedSession } from '../../src/core/managed-session.js'
import { supabase } from '../../src/drivers/index.js'
import { type Pgbouncer, settle } from '../../src/testing/index.js'
import { describePooled, makeProject, type Project, projectSettings } from './supabase-project.js'
import { failure } from './support.js'

const LIMITS = { rows: 10, bytes: 10_000, cellBytes: 1000, timeoutMs: 20_000 }

describePooled('Discovery and queries through a PgBouncer in transaction mode', (engine, start) => {
  let pooler: Pgbouncer
  let project: Project
  beforeAll(async () => {
    pooler = await start({ default_pool_size: '1', query_wait_timeout: '3', server_check_query: '' })
    project = await makeProject(engine)
    await project.database.exec(
      `
      ALTER DATABASE ${project.database.name} SET bytea_output = 'escape';
      ALTER DATABASE ${project.database.name} SET timezone = 'Asia/Tokyo';
      GRANT ALL ON SCHEMA public TO "${project.tenant}";
      CREATE TABLE t (id int PRIMARY KEY, b bytea); INSERT INTO t VALUES (1, '\\x00ff');
      GRANT ALL ON t TO "${project.tenant}"`,
      'admin',
    )
  })
  afterAll(async () => {
    await pooler.stop()
    await project.drop()
  })

  const open = (): Promise<ManagedSession> => {
    const { host, port } = pooler
    return supabase.open(projectSettings(project, [{ kind: 'transaction_pooler', host, port }]))
  }

  // Broken once: the rollback left out, so that the pool's session stayed in the transaction.
  it('each is one transaction, and leaves nothing in a session that others use next', async () => {
    await using one = await open()
    await using two = await open()
    const { tables } = await one.discover({})
    expect(tables.map(({ name, primaryKey }) => [name, primaryKey])).toEqual([['t', ['id']]])
    const sql = "SELECT id, b, timestamptz '2025-01-01 00:00+00' AS at FROM t"
    expect((await two.query(sql, LIMITS)).rows).toEqual([['1', '00ff', '2025-01-01 00:00:00+00']])
    expect((await one.query('SELECT generate_series(1, 11)', LIMITS)).truncated).toBe('rows')
    await failure(one.query('SELECT pg_sleep(20), id FROM t', { ...LIMITS, timeoutMs: 300 }), 'STATEMENT_TIMEOUT')
    const wide = "SELECT repeat('x', 500) FROM generate_series(1, 1000000) LIMIT 1000000"
    expect((await two.query(wide, { ...LIMITS, rows: 500_000 })).truncated).toBe('bytes')
    await failure(two.query('WITH x AS (DELETE FROM t RETURNING id) SELECT * FROM x', LIMITS), 'QUERY_REFUSED')
    await failure(one.query('SELECT 1; DELETE FROM t', LIMITS), 'QUERY_REFUSED')
    expect((await one.query("SELECT pg_sleep(0.5)::text, current_setting('timezone')", LIMITS)).rows).toEqual([
      ['', 'UTC'],
    ])
    // The pool's one session is back as it was, in no transaction.
    const states = `SELECT state FROM pg_stat_activity WHERE usename = '${project.tenant}' AND state <> 'idle'`
    expect(await settle(async () => (await project.database.rows(states, 'admin')).length, 0, 3000)).toBe(0)
    expect(await project.database.rows('SELECT id FROM t', 'admin')).toEqual([['1']])
  })
})
