import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { splitEvenly } from '../../src/core/key-split.js'
import { resetState, showState } from '../../src/run/state-admin.js'
import { type Engine, type EngineName, FaultProxy, type TestDatabase } from '../../src/testing/index.js'
import { start } from '../cli/airlock.js'
import { describeWith } from '../setup/engines.js'
import { type TwoEnds, twoEnds } from './two-ends.js'

const ROWS = 20_000
const STREAM = { mode: 'replace', resume: true }
const TIMEOUT = 120_000

for (const [from, to] of [
  ['mysql', 'postgres'],
  ['postgres', 'mysql'],
] as const satisfies readonly (readonly [EngineName, EngineName])[]) {
  describeWith([from, to], `a resumable load from ${from} to ${to}`, (engines: Record<string, Engine>) => {
    let ends: TwoEnds
    beforeAll(async () => {
      ends = await twoEnds(engines[from]!, engines[to]!)
      await ends.source.exec(`
        CREATE TABLE orders (id BIGINT NOT NULL PRIMARY KEY, amount DECIMAL(10,2), note VARCHAR(200))`)
      for (let done = 0; done < ROWS; done += 500) {
        const rows = Array.from({ length: 500 }, (_, at) => `(${done + at}, ${(done + at) / 4}, '${'n'.repeat(100)}')`)
        await ends.source.exec(`INSERT INTO orders VALUES ${rows.join(', ')}`)
      }
    })
    afterAll(() => ends[Symbol.asyncDispose]())
    beforeEach(async () => {
      await ends.configure({})
      const staging = to === 'postgres' ? 'DROP SCHEMA IF EXISTS _airlock_staging CASCADE;' : ''
      await ends.target.exec(`${staging} DROP TABLE IF EXISTS _airlock_state; DROP TABLE IF EXISTS orders;
        CREATE TABLE orders (id BIGINT PRIMARY KEY, amount DECIMAL(10,2), note VARCHAR(200));
        INSERT INTO orders VALUES (-7, 1, 'old')`)
    })
    const digest = (database: TestDatabase) =>
      database.rows('SELECT COUNT(*), SUM(id), SUM(amount), SUM(CHAR_LENGTH(note)) FROM orders')
    /** MySQL lists the tables of all databases, those of other suites too. */
    const here = (name: string) =>
      `SELECT table_name FROM information_schema.tables WHERE table_name ${name}
        AND table_schema IN ('public', '_airlock_staging', '${ends.target.name}')`
    const staging = () => ends.target.rows(here("LIKE '%airlock_part%'"))
    const hasState = async () => (await ends.target.rows(here("= '_airlock_state'"))).length > 0
    const finished = async (): Promise<number> => {
      if (!(await hasState())) return 0
      const [row] = await ends.target.rows("SELECT value FROM _airlock_state WHERE stream = 'orders#parts'")
      return row === undefined ? 0 : (JSON.parse(row[0]!) as { finished: unknown[] }).finished.length
    }
    /** Waits until several ranges are there, and some are not. */
    const inTheMiddle = async () => {
      for (const deadline = Date.now() + 60_000; Date.now() < deadline; await sleep(20))
        if ((await finished()) >= 3) return
      throw new Error('no range was finished')
    }
    const slowly = async () => {
      const proxy = await FaultProxy.start(engines[from]!, { kind: 'throttle', bytesPerSecond: 400_000 })
      await ends.configure({ source: { port: proxy.port } })
      return proxy
    }
    const expectUntouched = async () => {
      expect(await ends.target.rows('SELECT id, note FROM orders')).toEqual([['-7', 'old']])
    }
    const expectArrived = async (rowsRead: number, skipped: number, rows = ROWS) => {
      await ends.configure({})
      const report = await ends.move(STREAM)
      expect(report).toMatchObject({ rows_read: rowsRead, rows_written: rows, ranges: { total: 16, skipped } })
      expect(await digest(ends.target)).toEqual(await digest(ends.source))
      expect([await staging(), await finished()]).toEqual([[], 0])
    }

    it('goes on with the missing ranges after its process was killed', { timeout: TIMEOUT }, async () => {
      const proxy = await slowly()
      await writeFile(
        join(ends.folder, 'nightly.yaml'),
        JSON.stringify({ name: 'nightly', source: 'from', target: 'to', streams: { orders: STREAM } }),
      )
      const running = start(['run', 'nightly.yaml'], { cwd: ends.folder, env: ends.env })
      await inTheMiddle()
      running.child.kill('SIGKILL')
      expect((await running.ended).signal).toBe('SIGKILL')
      await proxy.close()
      await engines[to]!.endSessions({ user: ends.target.user })
      await expectUntouched()
      const done = await finished()
      expect(done).toBeGreaterThanOrEqual(3)
      expect(done).toBeLessThan(16)
      // 20,000 consecutive keys in 16 ranges.
      await expectArrived(ROWS - done * (ROWS / 16), done)
    })

    // Seen red with the last range closed, with the finished ranges read again, and with the ledger saved before the rows.
    it('goes on after its session was ended at the target', { timeout: TIMEOUT }, async () => {
      const proxy = await slowly()
      const running = ends.run({ orders: STREAM }, { retries: 0 })
      await inTheMiddle()
      await engines[to]!.endSessions({ user: ends.target.user })
      const report = await running
      await proxy.close()
      expect(report.streams[0]!.status).toBe('failed')
      await expectUntouched()
      const done = await finished()
      await ends.configure({})
      expect((await ends.plan({ orders: STREAM }))[0]!.notes.join()).toContain(`${done} of 16 ranges of id wait`)
      // The last range has no end: what came since the ranges were planned is read too.
      await ends.source.exec(`INSERT INTO orders VALUES (${ROWS + 5}, 1, 'late')`)
      await expectArrived(ROWS - done * (ROWS / 16) + 1, done, ROWS + 1)
      await ends.source.exec(`DELETE FROM orders WHERE id = ${ROWS + 5}`)
    })

    it('tries a lost session again by itself, from the ranges that are there', { timeout: TIMEOUT }, async () => {
      const proxy = await slowly()
      const running = ends.run({ orders: { ...STREAM, mode: 'append' } })
      await inTheMiddle()
      await engines[to]!.endSessions({ user: ends.target.user })
      const [report] = (await running).streams
      await proxy.close()
      expect(report).toMatchObject({ status: 'ok', attempts: 2, rows_written: ROWS })
      expect(report!.ranges!.skipped).toBeGreaterThanOrEqual(3)
      expect(await ends.target.rows('SELECT COUNT(*) FROM orders')).toEqual([[String(ROWS + 1)]])
    })

    // Seen red without the comparison with the ledger, and without the refusal of other names.
    it('writes nothing where fewer rows wait than were counted, until it is reset', { timeout: TIMEOUT }, async () => {
      const proxy = await slowly()
      const running = ends.run({ orders: STREAM }, { retries: 0 })
      await inTheMiddle()
      await engines[to]!.endSessions({ user: ends.target.user })
      await running
      await proxy.close()
      await ends.configure({})
      const [table] = (await staging())[0]!
      await ends.target.exec(`DELETE FROM ${to === 'postgres' ? '_airlock_staging.' : ''}${table} WHERE id = 3`)
      expect((await ends.run({ orders: STREAM })).streams[0]!.error?.code).toBe('COUNT_MISMATCH')
      await expectUntouched()
      await using space = await ends.open()
      const pipeline = await ends.pipeline(space, { orders: STREAM })
      const signal = new AbortController().signal
      const shown = [{ stream: 'orders', cursor: 'id', value: '16 of 16 ranges', kept_in: 'target' }]
      expect(await showState(space, pipeline, signal)).toMatchObject(shown)
      await resetState(space, pipeline, 'orders', signal)
      expect([await staging(), await finished()]).toEqual([[], 0])
      await using session = await space.connect('to', signal)
      await expect(session.dropStaging('orders')).rejects.toMatchObject({ code: 'POLICY_REFUSED' })
      await expectUntouched()
    })

    // Seen red with the masks, the mask key and the condition left out of the fingerprint, one at a time.
    it('begins anew where the stream is another one now', { timeout: TIMEOUT }, async () => {
      const proxy = await slowly()
      const tokens = { ...STREAM, mask: { note: 'tokenize' } }
      const running = ends.run({ orders: tokens }, { retries: 0 })
      await inTheMiddle()
      await engines[to]!.endSessions({ user: ends.target.user })
      await running
      await proxy.close()
      const before = await staging()
      expect(before.length).toBe(1)
      await ends.configure({})
      const notes = async (stream: object) => (await ends.plan({ orders: stream }))[0]!.notes.join()
      expect(await notes(tokens)).toContain('ranges of id wait')
      expect(await notes({ ...tokens, where: 'id <> 5' })).toContain('begins anew')
      await ends.configure({ file: { mask_key: '${env:TO}' } })
      expect(await notes(tokens)).toContain('begins anew')
      await ends.configure({})
      const masked = { ...STREAM, mask: { note: { rule: 'tokenize', domain: 'notes' } } }
      expect(await notes(masked)).toContain('begins anew')
      // A plan drops nothing.
      expect(await staging()).toEqual(before)
      expect(await ends.move(masked)).toMatchObject({ rows_read: ROWS, ranges: { total: 16, skipped: 0 } })
      expect(await ends.target.rows(`SELECT COUNT(*) FROM orders WHERE note = '${'n'.repeat(100)}'`)).toEqual([['0']])
      expect(await staging()).toEqual([])
    })

    // Seen red with either meaning of a type left out.
    it('creates the column that a load without ranges creates', { timeout: TIMEOUT }, async () => {
      await ends.source.exec(`DROP TABLE IF EXISTS typed;
        CREATE TABLE typed (id INT PRIMARY KEY, yes BOOLEAN, at TIMESTAMP${from === 'postgres' ? ', u UUID, b BYTEA' : ' NULL'});
        INSERT INTO typed (id, yes) VALUES (1, true), (2, false)`)
      for (const policies of from === 'postgres' ? [{}, { uuid: 'binary16' }] : [{}, { tinyint1: 'boolean' }]) {
        await ends.target.exec('DROP TABLE IF EXISTS typed; DROP TABLE IF EXISTS direct')
        await ends.move({ ...STREAM, table: 'typed', policies })
        await ends.move({ mode: 'replace', table: 'typed', target_table: 'direct', policies })
        const type = to === 'mysql' ? 'column_type' : 'data_type'
        const shape = (table: string) =>
          ends.target.rows(`SELECT column_name, ${type} FROM information_schema.columns
            WHERE table_name = '${table}' AND table_schema IN ('public', '${ends.target.name}') ORDER BY ordinal_position`)
        expect(await shape('typed')).toEqual(await shape('direct'))
        expect(await ends.target.rows('SELECT id, yes FROM typed ORDER BY id')).toEqual(
          await ends.target.rows('SELECT id, yes FROM direct ORDER BY id'),
        )
      }
    })

    it('merges and appends too, and verifies contents', { timeout: TIMEOUT }, async () => {
      for (const mode of ['append', 'merge']) {
        const report = await ends.move({ mode, resume: { ranges: 3 } }, { verify: 'checksum' })
        expect(report).toMatchObject({ rows_read: ROWS, ranges: { total: 3, skipped: 0 }, mode })
      }
      expect(await ends.target.rows('SELECT COUNT(*) FROM orders')).toEqual([[String(ROWS + 1)]])
    })
  })
}

describeWith(['mysql', 'postgres'], 'a resumable load', (engines) => {
  let ends: TwoEnds
  beforeAll(async () => {
    ends = await twoEnds(engines.mysql, engines.postgres)
    await ends.source.exec(`CREATE TABLE orders (id INT NOT NULL PRIMARY KEY, note VARCHAR(20));
      INSERT INTO orders VALUES (-5, 'a'), (3, 'b'), (70, 'c');
      CREATE TABLE named (name VARCHAR(20) NOT NULL PRIMARY KEY)`)
  })
  afterAll(() => ends[Symbol.asyncDispose]())
  beforeEach(() => ends.target.exec('DROP TABLE IF EXISTS orders; DROP TABLE IF EXISTS _airlock_state'))
  const refusal = async (stream: object) => {
    const { error } = (await ends.run({ orders: stream })).streams[0]!
    return [error?.code, error?.message]
  }

  // The session ends itself at the DROP. Seen red without the mark `done`.
  it('does not write what waits twice when it ends between the commit and the drop', { timeout: TIMEOUT }, async () => {
    const schema = '_airlock_staging'
    await ends.target.exec(
      `CREATE FUNCTION refuse() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
        IF to_regclass('public.orders') IS NOT NULL THEN
          PERFORM pg_terminate_backend(pg_backend_pid());
        END IF; END $$;
      CREATE EVENT TRIGGER no_drop ON ddl_command_start WHEN TAG IN ('DROP TABLE') EXECUTE FUNCTION refuse()`,
      'admin',
    )
    const first = await ends.move(STREAM)
    await ends.target.exec('DROP EVENT TRIGGER no_drop; DROP FUNCTION refuse', 'admin')
    expect(first.notes.join()).toContain('the staging table is left to the next run')
    const waiting = `SELECT count(*) FROM pg_tables WHERE schemaname = '${schema}'`
    expect(await ends.target.rows(waiting)).toEqual([['1']])
    await ends.source.exec("UPDATE orders SET note = 'changed' WHERE id = 3")
    expect(await ends.move(STREAM)).toMatchObject({ rows_read: 3, ranges: { skipped: 0 } })
    await ends.source.exec("UPDATE orders SET note = 'b' WHERE id = 3")
    expect(await ends.target.rows('SELECT id, note FROM orders ORDER BY id')).toEqual([
      ['-5', 'a'],
      ['3', 'changed'],
      ['70', 'c'],
    ])
    expect(await ends.target.rows(waiting)).toEqual([['0']])
  })

  // Seen red with the age left out, and with every ledger taken for an old one.
  it('gives up what waits for more than 7 days, also of other streams', { timeout: TIMEOUT }, async () => {
    const ledger = (hex: string) =>
      JSON.stringify({
        ...{ version: 1, of: 'x', table: `_airlock_staging._airlock_part_${hex.repeat(12)}`, column: 'id' },
        ...{ bounds: [], finished: [{ range: 0, rows: 1, bytes: 1 }], done: false },
      })
    await ends.move(STREAM)
    await ends.target.exec(`
      CREATE TABLE _airlock_staging._airlock_part_aaaaaaaaaaaa (id int);
      CREATE TABLE _airlock_staging._airlock_part_bbbbbbbbbbbb (id int);
      INSERT INTO _airlock_state VALUES ('nightly', 'old#parts', '${ledger('a')}', now() - interval '8 days'),
        ('nightly', 'young#parts', '${ledger('b')}', now() - interval '6 days')`)
    await ends.move(STREAM)
    expect(await ends.target.rows("SELECT tablename FROM pg_tables WHERE schemaname = '_airlock_staging'")).toEqual([
      ['_airlock_part_bbbbbbbbbbbb'],
    ])
    expect(await ends.target.rows('SELECT stream FROM _airlock_state')).toEqual([['young#parts']])
    await ends.target.exec('DROP SCHEMA _airlock_staging CASCADE')
  })

  // Seen red with the ledger taken at its word.
  it('drops nothing that a forged ledger names', { timeout: TIMEOUT }, async () => {
    await ends.move(STREAM)
    await ends.target.exec(`CREATE TABLE mine (id int);
      INSERT INTO _airlock_state VALUES ('nightly', 'orders#parts',
        '{"version":1,"of":"x","table":"mine","column":"id","bounds":[],"finished":[],"done":true}', now())`)
    await ends.move(STREAM)
    expect(await ends.target.rows("SELECT to_regclass('mine')::text")).toEqual([['mine']])
  })

  // Seen red without the look at the masks, and without the one at the number of connections.
  it('refuses what it cannot divide, with the rule', { timeout: TIMEOUT }, async () => {
    expect(await refusal({ ...STREAM, table: 'named' })).toEqual([
      'CONFIG_INVALID',
      expect.stringContaining('a key of one column of whole numbers'),
    ])
    expect(await refusal({ ...STREAM, mask: { id: 'tokenize' } })).toEqual([
      'POLICY_REFUSED',
      expect.stringContaining('which is masked'),
    ])
    for (const other of [{ cursor: 'id' }, { mode: 'delete+insert' }, { query: 'SELECT 1' }]) {
      await expect(ends.run({ orders: { ...STREAM, ...other } })).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
    }
    await ends.configure({ target: { max_connections: 1 } })
    await expect(ends.run({ orders: STREAM })).rejects.toThrow('set 2 or more')
    await ends.configure({})
  })

  it('moves a table without rows, and the same types and values as a load without ranges', {
    timeout: TIMEOUT,
  }, async () => {
    await ends.source.exec(`CREATE TABLE none (id SMALLINT NOT NULL PRIMARY KEY);
      CREATE TABLE wide (id BIGINT UNSIGNED NOT NULL PRIMARY KEY, yes TINYINT(1), small SMALLINT UNSIGNED, big BIGINT UNSIGNED,
        price DECIMAL(12,3), ratio DOUBLE, third FLOAT, name VARCHAR(30), long_text TEXT, raw VARBINARY(9), born DATE,
        at DATETIME(3), moment TIMESTAMP(6) NULL, span TIME, doc JSON, kind ENUM('a','b'), flags BIT(5));
      INSERT INTO wide VALUES (18446744073709551615, 1, 65535, 18446744073709551615, 12.345, 0.1, 0.333, 'ü', 'x', x'00ff',
        '2024-02-29', '2024-01-01 01:02:03.456', '2024-01-01 01:02:03.456789', '-12:13:14', '{"a": [1, null]}', 'b', b'10101'),
        (0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)`)
    expect(await ends.move({ ...STREAM, table: 'none' })).toMatchObject({ rows_written: 0, ranges: { total: 1 } })
    expect(await ends.move({ ...STREAM, table: 'wide' })).toMatchObject({ rows_written: 2, ranges: { total: 16 } })
    await ends.move({ mode: 'replace', table: 'wide', target_table: 'direct' })
    const shape = (table: string) =>
      ends.target.rows(`SELECT attname, format_type(atttypid, atttypmod), attnotnull FROM pg_attribute
        WHERE attrelid = '${table}'::regclass AND attnum > 0 ORDER BY attnum`)
    expect(await shape('wide')).toEqual(await shape('direct'))
    const rows = (table: string) => ends.target.rows(`SELECT t::text FROM ${table} AS t ORDER BY id`)
    expect(await rows('wide')).toEqual(await rows('direct'))
  })

  it('divides what is there: fewer ranges than values, and the ends of 64 bits', () => {
    expect(splitEvenly(5n, 5n, 16)).toEqual([])
    expect(splitEvenly(-1n, 1n, 16)).toEqual([0n, 1n])
    expect(splitEvenly(-9223372036854775808n, 9223372036854775807n, 2)).toEqual([0n])
    expect(splitEvenly(0n, 18446744073709551615n, 4)[2]).toBe(13835058055282163712n)
  })
})
