import { chmodSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import type { TestDatabase } from '../../src/testing/index.js'
import { canary } from '../leaks/canaries.js'
import { describeWith } from '../setup/engines.js'
import { call, httpServer, overHttp, type Place, place } from './support.js'

/** What an agent may try, of every kind. `FILE` is a path that the server could write. All of them, and many more, are tried
 * on the session itself in test/drivers/query.test.ts. */
const BOTH = [
  'SELECT 1; INSERT INTO t VALUES (9)',
  'SELECT 1;;; DELETE FROM t',
  'COMMIT; INSERT INTO t VALUES (9)',
  'COMMIT',
  'START TRANSACTION READ WRITE',
  'SET TRANSACTION READ WRITE',
  'SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE',
  'INSERT INTO t VALUES (9)',
  'WITH c AS (SELECT 1) UPDATE t SET id = 9',
  'EXPLAIN UPDATE t SET id = 9',
  'CREATE TABLE x (id INT)',
  'CREATE TABLE x AS SELECT * FROM t',
  'DROP TABLE t',
  'TRUNCATE TABLE t',
  'ALTER TABLE t ADD y INT',
  'SELECT f()',
  'CALL p()',
  'SELECT * FROM t FOR UPDATE',
  '-- SELECT\nDELETE FROM t',
  'SELECT 1 /* ; */; DELETE FROM t',
  'SELECT 1\u0000; DELETE FROM t',
  '\ufeffDELETE FROM t',
  'ＤＥＬＥＴＥ FROM t',
  "SELECT '\ud800'; DELETE FROM t",
] as const

const ONLY = {
  mysql: [
    "SELECT 1 INTO OUTFILE 'FILE'",
    "SELECT 1 INTO/**/DUMPFILE 'FILE'",
    "SELECT 1e5INTO OUTFILE 'FILE'",
    "LOAD DATA LOCAL INFILE '/etc/hostname' INTO TABLE t",
    '/*!INSERT INTO t VALUES (9)*/',
    '/*M!100000 DELETE FROM t */',
    "SELECT 1 /*! INTO OUTFILE 'FILE' */",
    "SELECT 'a\\\\'; DELETE FROM t; -- '",
    "EXECUTE IMMEDIATE 'INSERT INTO t VALUES (9)'",
    'BEGIN NOT ATOMIC COMMIT; INSERT INTO t VALUES (9); END',
    "SELECT GET_LOCK('airlock', 1)",
    'SET GLOBAL slow_launch_time = 77',
  ],
  postgres: [
    "COPY t TO PROGRAM 'cat > FILE'",
    "COPY t TO 'FILE'",
    'COPY t FROM STDIN',
    "SELECT lo_export(lo_import('/etc/hostname'), 'FILE')",
    "SELECT set_config('transaction_read_only', 'off', false)",
    'DO $$ BEGIN INSERT INTO t VALUES (9); END $$',
    'WITH x AS (INSERT INTO t VALUES (9) RETURNING id) SELECT * FROM x',
    'EXPLAIN ANALYZE INSERT INTO t VALUES (9)',
    'SELECT * INTO x FROM t',
    'SELECT U&"pg\\005fterminate_backend"(0)',
    'SELECT pg_advisory_lock(1)',
    "SELECT query_to_xml('DELETE FROM t', true, false, '')",
  ],
} as const

const OBJECTS = {
  mysql: [
    'CREATE TABLE t (id INT PRIMARY KEY)',
    'INSERT INTO t VALUES (1), (2)',
    'CREATE FUNCTION f() RETURNS INT MODIFIES SQL DATA BEGIN INSERT INTO t VALUES (9); RETURN 1; END',
    'CREATE PROCEDURE p() BEGIN COMMIT; INSERT INTO t VALUES (9); END',
  ],
  postgres: [
    `CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1), (2);
     CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'INSERT INTO t VALUES (9) RETURNING id';
     CREATE PROCEDURE p() LANGUAGE sql AS 'INSERT INTO t VALUES (9)'`,
  ],
} as const

const STATE = {
  mysql: `SELECT (SELECT GROUP_CONCAT(id ORDER BY id) FROM t),
    (SELECT GROUP_CONCAT(table_name) FROM information_schema.tables WHERE table_schema = DATABASE()),
    (SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = DATABASE()),
    @@global.slow_launch_time, IS_FREE_LOCK('airlock')`,
  postgres: `SELECT (SELECT string_agg(id::text, ',' ORDER BY id) FROM t),
    (SELECT string_agg(relname, ',' ORDER BY relname) FROM pg_class WHERE relnamespace = 'public'::regnamespace),
    (SELECT count(*) FROM pg_attribute WHERE attrelid = 't'::regclass), (SELECT count(*) FROM pg_largeobject_metadata)`,
} as const

describeWith(['mysql', 'postgres'], 'attempts of an agent to write', (engines) => {
  describe.each(['mysql', 'postgres'] as const)('to %s', (kind) => {
    let database: TestDatabase
    let here: Place
    let folder: string
    let reader: string
    const password = canary()
    beforeAll(async () => {
      const engine = engines[kind]
      database = await engine.createDatabase('mcp_write')
      reader = `${database.name}_r`
      for (const part of OBJECTS[kind]) await database.exec(part)
      await database.exec(
        kind === 'mysql'
          ? `CREATE USER ${reader} IDENTIFIED BY '${password}'; GRANT SELECT ON ${database.name}.* TO ${reader}`
          : `CREATE ROLE ${reader} LOGIN PASSWORD '${password}'; GRANT SELECT ON ALL TABLES IN SCHEMA public TO ${reader}; REVOKE CREATE ON SCHEMA public FROM PUBLIC`,
        'admin',
      )
      folder = mkdtempSync(join(tmpdir(), 'airlock-writes-'))
      chmodSync(folder, 0o777)
      const to = { driver: kind, host: engine.host, port: engine.port, database: database.name }
      const admin = engine.admin
      here = await place(
        {
          connections: {
            superuser: { ...to, user: admin.user, password: '${env:ADMIN}' },
            reader: { ...to, user: reader, password: '${env:READER}' },
          },
        },
        { ADMIN: admin.password, READER: password },
      )
    })
    afterAll(async () => {
      if (kind === 'mysql') await database.exec(`DROP USER ${reader}`, 'admin')
      else await database.exec(`DROP OWNED BY ${reader}; DROP ROLE ${reader}`, 'admin')
      await database.drop()
      rmSync(folder, { recursive: true, force: true })
      await here[Symbol.asyncDispose]()
    })
    const state = async () => [readdirSync(folder), await database.rows(STATE[kind], 'admin')]

    // Broken once: the words no longer looked at in the child (a lock was taken, a file written by the superuser).
    it.each(['superuser', 'reader'])(
      'as %s: nothing is written, and the refusal is clear',
      { timeout: 180_000 },
      async (connection) => {
        const before = await state()
        const client = await overHttp((await httpServer(inject('cli'), here.folder)).url, 'legacy')
        const asked = await call(client, 'query_readonly', { connection, sql: 'SELECT id FROM t ORDER BY id' })
        expect(asked.data).toMatchObject({ rows: [[1], [2]], role_can_write: connection !== 'reader' })
        await Promise.all(
          [...BOTH, ...ONLY[kind]].map(async (sql) => {
            const { ok, error, text } = await call(client, 'query_readonly', {
              connection,
              sql: sql.replace('FILE', join(folder, 'f')),
            })
            expect([sql, ok]).toEqual([sql, false])
            expect(['QUERY_REFUSED', 'SQL_INVALID', 'PRIVILEGE_MISSING'], `${sql} ${text}`).toContain(error['code'])
            expect(error['message']).toMatch(/^(The statement is refused: .+|The server could not parse|The user)/)
          }),
        )
        expect(await state()).toEqual(before)
      },
    )
  })
})
