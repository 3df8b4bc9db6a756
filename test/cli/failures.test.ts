import { execFile } from 'node:child_process'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { CODES, type ErrorCode } from '../../src/errors/index.js'
import { FaultProxy } from '../../src/testing/index.js'
import { canary } from '../leaks/canaries.js'
import { describeWith } from '../setup/engines.js'
import { calmLine, type Ended } from './airlock.js'
import { type Project, project, type Written } from './project.js'

const run = promisify(execFile)

interface Failure {
  readonly name: string
  readonly code: ErrorCode
  /** The server's or the system's own code, as the line shows it. */
  readonly origin: string
  readonly shop?: Written
  readonly warehouse?: Written
  readonly stream?: Written
}

describeWith(['mysql', 'postgres'], 'a run that fails on real servers', (engines) => {
  let p: Project
  let refusing: FaultProxy
  const marker = canary()
  const host = `${canary().toLowerCase()}.invalid`

  beforeAll(async () => {
    p = await project(engines, 30)
    refusing = await FaultProxy.start(engines.postgres, { kind: 'refuse' })
    p.canaries.add('SQL', marker).add('unknown host', host)
    await p.source.exec(`
      CREATE TABLE wide (id VARCHAR(200) PRIMARY KEY);
      INSERT INTO wide SELECT CONCAT(a.id, '-', b.id, '-', c.id, REPEAT('x', 150)) FROM orders a, orders b, orders c`)
    await p.target.exec(`
      CREATE TABLE kept (id integer PRIMARY KEY, email text, note text);
      INSERT INTO kept VALUES (30, 'before', 'before');
      CREATE TABLE checked (id integer PRIMARY KEY, email text, note text CHECK (note = 'none'));
      CREATE TABLE parent (id integer PRIMARY KEY);
      CREATE TABLE child (id integer PRIMARY KEY REFERENCES parent, email text, note text);
      CREATE TABLE numeric (id integer, email text, note integer);
      CREATE TABLE narrow (id integer, email text, note varchar(3));
      CREATE TABLE raising (id integer, email text, note text);
      CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN EXECUTE format('SELECT 1/0, %L', NEW.note); RETURN NEW; END $$;
      CREATE TRIGGER refuse BEFORE INSERT ON raising FOR EACH ROW EXECUTE FUNCTION refuse()`)
    await p.target.exec(
      `CREATE SCHEMA closed;
       CREATE TABLE foreign_table (id integer, email text, note text);
       GRANT SELECT ON foreign_table TO ${p.target.user}`,
      'admin',
    )
  })

  afterAll(async () => {
    await refusing.close()
    await p[Symbol.asyncDispose]()
  })

  /** Runs the pipeline, which tells nothing and leaves nothing behind. */
  async function failedRun(): Promise<Ended> {
    const before = await p.tables()
    const ended = await p.run(['run', 'nightly.yaml'])
    expect(ended.signal).toBe(null)
    expect(ended.stdout).toMatch(/^failed: 0 rows /m)
    expect(ended.stderr).not.toMatch(
      new RegExp(`\\b(?:${engines.mysql.port}|${engines.postgres.port}|${refusing.port})\\b`),
    )
    expect(p.canaries.in(ended.text)).toEqual([])
    expect(p.canaries.in(await p.home())).toEqual([])
    expect(await p.tables()).toEqual(before)
    expect(await p.sessions()).toBe(0)
    return ended
  }

  function expectLine(line: string, stream: string, { code, origin }: Failure): void {
    expect(line).toMatch(new RegExp(`^${stream}: airlock: ${code} \\(${origin}\\)( at \\w+)?: `))
    expect(line).toContain(`${CODES[code].message} ${CODES[code].hint}`)
  }

  /** One stream, one line. */
  async function expectFailure(failure: Failure): Promise<void> {
    const { code, shop = {}, warehouse = {}, stream = {} } = failure
    await p.configure({ shop, warehouse })
    await p.pipeline(stream)
    const ended = await failedRun()
    expectLine(calmLine(ended, code), 'orders', failure)
    expect(ended.code).toBe(CODES[code].exitCode)
  }

  const connecting: readonly Failure[] = [
    {
      name: 'wrong password at the source',
      code: 'AUTH_FAILED',
      origin: 'MYSQL_1045',
      shop: { password: '${env:MASK_KEY}' },
    },
    {
      name: 'wrong password at the target',
      code: 'AUTH_FAILED',
      origin: '28P01',
      warehouse: { password: '${env:MASK_KEY}' },
    },
    { name: 'unknown host', code: 'HOST_NOT_FOUND', origin: '(?:ENOTFOUND|EAI_AGAIN)', shop: { host } },
    {
      name: 'unknown database at the source',
      code: 'DATABASE_NOT_FOUND',
      origin: 'MYSQL_10(?:44|49)',
      shop: { database: marker },
    },
    {
      name: 'unknown database at the target',
      code: 'DATABASE_NOT_FOUND',
      origin: '3D000',
      warehouse: { database: marker },
    },
  ]

  it.for(connecting)('$name', { timeout: 30_000 }, expectFailure)

  const streaming: readonly Failure[] = [
    { name: 'unknown table', code: 'TABLE_NOT_FOUND', origin: 'MYSQL_1146', stream: { table: 'no_such_table' } },
    {
      name: 'broken SQL',
      code: 'SQL_INVALID',
      origin: 'MYSQL_1064',
      stream: { where: `id = id AND '${marker}' FROM` },
    },
    {
      name: 'no privilege to read',
      code: 'PRIVILEGE_MISSING',
      origin: 'MYSQL_1142',
      stream: { table: 'mysql.user', mask: {} },
    },
    {
      name: 'no privilege to create',
      code: 'PRIVILEGE_MISSING',
      origin: '42501',
      stream: { target_table: 'closed.orders' },
    },
    {
      name: 'no privilege to insert',
      code: 'PRIVILEGE_MISSING',
      origin: '42501',
      stream: { target_table: 'foreign_table' },
    },
    {
      name: 'a key that is there already',
      code: 'CONSTRAINT_VIOLATED',
      origin: '23505',
      stream: { target_table: 'kept' },
    },
    { name: 'a check', code: 'CONSTRAINT_VIOLATED', origin: '23514', stream: { target_table: 'checked' } },
    { name: 'a foreign key', code: 'CONSTRAINT_VIOLATED', origin: '23503', stream: { target_table: 'child' } },
    { name: 'text for an integer', code: 'VALUE_REJECTED', origin: '22P02', stream: { target_table: 'numeric' } },
    { name: 'text too long', code: 'VALUE_REJECTED', origin: '22001', stream: { target_table: 'narrow' } },
    {
      name: 'a trigger that fails on SQL of its own',
      code: 'VALUE_REJECTED',
      origin: '22012',
      stream: { target_table: 'raising' },
    },
  ]

  it('every failure of a stream, in one run of many', { timeout: 60_000 }, async () => {
    await p.configure({})
    const streams = Object.fromEntries(
      streaming.map(({ stream }, at) => [
        `s${at}`,
        { table: 'orders', target_table: 'orders', mode: 'append', ...stream },
      ]),
    )
    await p.write('nightly.yaml', JSON.stringify({ name: 'nightly', source: 'shop', target: 'warehouse', streams }))
    const ended = await failedRun()
    const lines = ended.stderr.trimEnd().split('\n')
    expect(lines).toHaveLength(streaming.length)
    for (const [at, failure] of streaming.entries()) expectLine(lines[at]!, `s${at}`, failure)
    expect(ended.code).toBe(5)
  })

  it('text for an integer, alone', { timeout: 30_000 }, () =>
    expectFailure({ name: '', code: 'VALUE_REJECTED', origin: '22P02', stream: { target_table: 'numeric' } }),
  )

  it('a port that refuses', { timeout: 30_000 }, async () => {
    const warehouse = { port: refusing.port }
    await expectFailure({ name: '', code: 'CONNECT_REFUSED', origin: 'ECONNREFUSED', warehouse })
  })

  it('a user who may not read the table any more', { timeout: 30_000 }, async () => {
    const { user, name } = p.source
    const database = `\`${name.replaceAll('_', '\\_')}\``
    await p.source.exec(
      `REVOKE ALL ON ${database}.* FROM ${user}@'%'; GRANT INSERT ON \`${name}\`.orders TO ${user}@'%'`,
    )
    try {
      await expectFailure({ name: '', code: 'PRIVILEGE_MISSING', origin: 'MYSQL_1142' })
    } finally {
      await p.source.exec(`GRANT ALL ON ${database}.* TO ${user}@'%'`)
    }
  })

  it('a limit on temporary files at the target, in the middle of its work', { timeout: 60_000 }, async () => {
    // The sort of the new primary key does not fit; the rows were all there before.
    await p.target.exec(
      `ALTER ROLE ${p.target.user} SET temp_file_limit = 0; ALTER ROLE ${p.target.user} SET maintenance_work_mem = '1MB'`,
      'admin',
    )
    try {
      await expectFailure({
        name: '',
        code: 'SERVER_LIMIT',
        origin: '53400',
        stream: { table: 'wide', target_table: 'wide', mask: {} },
      })
    } finally {
      await p.target.exec(`ALTER ROLE ${p.target.user} RESET ALL`, 'admin')
    }
  })

  it('a full disk at the target', { timeout: 60_000 }, async ({ skip }) => {
    const disk = await smallDisk(engines.postgres.origin)
    if (disk === undefined) return skip('needs a server of this machine, and root to mount a small file system')
    const space = `space_${p.target.name}`
    try {
      await p.target.exec(`CREATE TABLESPACE ${space} LOCATION '${disk.path}'`, 'admin')
      await p.target.exec(
        `GRANT CREATE ON TABLESPACE ${space} TO ${p.target.user}; ALTER ROLE ${p.target.user} SET default_tablespace = '${space}'`,
        'admin',
      )
      await expectFailure({
        name: '',
        code: 'DISK_FULL',
        origin: '53100',
        stream: { table: 'wide', target_table: 'wide', mask: {} },
      })
    } finally {
      try {
        await p.target.exec(`ALTER ROLE ${p.target.user} RESET ALL`, 'admin')
        await p.target.exec('DROP TABLE IF EXISTS wide', 'admin')
        await p.target.exec(`DROP TABLESPACE IF EXISTS ${space}`, 'admin')
      } finally {
        await disk.remove()
      }
    }
  })
})

/** A file system of two megabytes that a server which runs as `nobody` may write to. */
async function smallDisk(origin: string): Promise<{ readonly path: string; remove(): Promise<void> } | undefined> {
  if (origin !== 'binary' || process.platform !== 'linux' || process.getuid?.() !== 0) return undefined
  const path = await mkdtemp(join(tmpdir(), 'airlock-disk-'))
  const mounted = await run('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', path]).then(
    () => true,
    () => false, // a container without the right to mount
  )
  if (!mounted) {
    await rm(path, { recursive: true })
    return undefined
  }
  await run('chown', ['nobody', path])
  await chmod(path, 0o700)
  return {
    path,
    async remove() {
      await run('umount', [path])
      await rm(path, { recursive: true })
    },
  }
}
