import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { loadPipeline } from '../../src/config/load-pipeline.js'
import { pipelineOfCopy } from '../../src/run/api.js'
import { planPipeline, type RunOptions, runPipeline } from '../../src/run/local-runner.js'
import type { RunReport } from '../../src/run/report.js'
import type { StreamPlan } from '../../src/run/stream-plan.js'
import { Workspace } from '../../src/run/workspace.js'
import { AuditLog, type AuditRecord, type TelemetrySnapshot } from '../../src/sinks/index.js'
import { countSockets, settle, type TestDatabase } from '../../src/testing/index.js'
import { canary, failure, timed } from '../drivers/support.js'
import { describeWith } from '../setup/engines.js'

const ORDERS = 300
const EMAIL = canary('mail')

interface Ran {
  readonly report: RunReport
  readonly plans: readonly StreamPlan[]
  readonly telemetry: TelemetrySnapshot
  readonly audit: readonly AuditRecord[]
  readonly home: string
}

describeWith(['mysql', 'postgres'], 'a run in this process', (engines) => {
  let from: TestDatabase
  let to: TestDatabase
  let folder: string
  beforeAll(async () => {
    from = await engines.mysql.createDatabase('run')
    to = await engines.postgres.createDatabase('run')
    await from.exec(`
      SET sql_mode = '';
      CREATE TABLE orders (id INT NOT NULL PRIMARY KEY, email VARCHAR(80) NOT NULL, born DATE, note TEXT);
      INSERT INTO orders WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${ORDERS})
        SELECT i, CONCAT('${EMAIL}', i, '@example.com'), IF(i % 100 = 0, '0000-00-00', '1990-05-06'), NULL FROM n;
      CREATE TABLE bad (id INT NOT NULL PRIMARY KEY); INSERT INTO bad VALUES (1), (2);
      CREATE TABLE events (id INT NOT NULL PRIMARY KEY, what VARCHAR(10)); INSERT INTO events VALUES (1, 'a'), (2, 'b');
      CREATE TABLE wide (id INT NOT NULL PRIMARY KEY, body MEDIUMTEXT);
      INSERT INTO wide WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 400)
        SELECT i, REPEAT('w', 100000) FROM n`)
  })
  beforeEach(async () => {
    await to.exec(
      'DROP SCHEMA public CASCADE; CREATE SCHEMA public; CREATE TABLE bad (id int CHECK (id < 2)); INSERT INTO bad VALUES (0)',
    )
    folder = await mkdtemp(join(tmpdir(), 'airlock-run-'))
    return () => rm(folder, { recursive: true })
  })
  afterAll(() => Promise.all([from.drop(), to.drop()]))

  const login = (
    engine: { host: string; port: number },
    driver: string,
    { name, user }: TestDatabase,
    variable: string,
  ) => ({
    driver,
    host: engine.host,
    port: engine.port,
    database: name,
    user,
    password: `\${env:${variable}}`,
  })

  const workspace = async (more: object = {}) => {
    const file = {
      home: 'kept',
      mask_key: '${env:MASK_KEY}',
      connections: {
        shop: login(engines.mysql, 'mysql', from, 'SHOP'),
        warehouse: login(engines.postgres, 'postgres', to, 'WAREHOUSE'),
      },
      ...more,
    }
    await writeFile(join(folder, 'airlock.yaml'), JSON.stringify(file))
    return await Workspace.open({
      cwd: folder,
      env: { SHOP: from.password, WAREHOUSE: to.password, MASK_KEY: 'key of the test' },
    })
  }
  const pipelineOf = async (space: Workspace, streams: object) => {
    const path = join(folder, 'nightly.yaml')
    await writeFile(path, JSON.stringify({ name: 'nightly', source: 'shop', target: 'warehouse', streams }))
    return await loadPipeline(path, space.config)
  }
  const run = async (streams: object, options: RunOptions = {}, more: object = {}): Promise<Ran> => {
    const plans: StreamPlan[] = []
    const space = await workspace(more)
    try {
      const report = await runPipeline(space, await pipelineOf(space, streams), {
        onPlan: (plan) => plans.push(plan),
        ...options,
      })
      const telemetry = space.telemetry.snapshot()
      await space.close()
      return { report, plans, telemetry, audit: await auditOf(space.auditDir), home: space.config.home }
    } finally {
      await space.close()
    }
  }
  const expectNothingOpen = async (report: RunReport) => {
    expect(report.connections.closed).toBe(report.connections.opened)
    expect(await settle(() => countSockets(engines.mysql.port, engines.postgres.port), 0, 1_000)).toBe(0)
    expect(await settle(() => engines.mysql.sessions({ database: from.name }), 0, 1_000)).toBe(0)
    expect(await settle(() => engines.postgres.sessions({ database: to.name }), 0, 1_000)).toBe(0)
  }

  // Seen red with the pools' limit ignored.
  it('runs streams side by side within max_connections, and reports them in the order of the file', async () => {
    const streams = { orders: { mode: 'replace' }, events: { mode: 'replace' }, wide: { mode: 'replace' } }
    const { report } = await run(
      streams,
      { parallel: 9 },
      {
        connections: {
          shop: { ...login(engines.mysql, 'mysql', from, 'SHOP'), max_connections: 2 },
          warehouse: login(engines.postgres, 'postgres', to, 'WAREHOUSE'),
        },
      },
    )
    expect(report.streams.map(({ stream, status }) => [stream, status])).toEqual(
      Object.keys(streams).map((name) => [name, 'ok']),
    )
    expect(report.connections.opened).toBe(4)
    await expectNothingOpen(report)
  })

  // A pipeline file is checked when it is loaded, with its line; a copy has no file. Seen red without the check in the plan.
  it('refuses a policy that neither end has, and a word that a policy does not have', async () => {
    await using space = await workspace()
    const copy = async (policies: Record<string, string>) => {
      const request = { source: 'shop', sourceTable: 'orders', target: 'warehouse', policies }
      return (await runPipeline(space, pipelineOfCopy(request))).streams[0]?.error
    }
    const misspelt = await copy({ zero_date: 'error' })
    expect(misspelt).toMatchObject({ code: 'CONFIG_INVALID', exit_code: 2 })
    expect(misspelt?.message).toContain('Did you mean "zero_dates"?')
    expect((await copy({ nul: 'ignore' }))?.message).toContain('the choices are strip, reject, replace')
    expect(await to.rows("SELECT 1 FROM pg_tables WHERE tablename = 'orders'")).toEqual([])
  })

  it('moves, masks, verifies, commits, and says the same everywhere', async () => {
    const { report, plans, telemetry, audit, home } = await run({
      orders: { mode: 'replace', mask: { email: 'tokenize' } },
      events: { mode: 'replace', select: ['-what'] },
    })
    expect([report.status, report.exit_code, report.rows_written]).toEqual(['ok', 0, ORDERS + 2])
    expect(report.streams[0]).toMatchObject({
      stream: 'orders',
      status: 'ok',
      mode: 'replace',
      route: 'create',
      rows_read: ORDERS,
      rows_masked: ORDERS,
      rows_sent: ORDERS,
      rows_confirmed: ORDERS,
      rows_written: ORDERS,
      masked_columns: ['email'],
      policies: { zero_dates: 3 },
      verification: { kind: 'count', ok: true },
      error: null,
    })
    const rows = await to.rows('SELECT id, email, born FROM orders ORDER BY id')
    expect(rows.length).toBe(ORDERS)
    expect(new Set(rows.map(([, email]) => email)).size).toBe(ORDERS)
    expect(JSON.stringify(rows)).not.toContain(EMAIL)
    expect(rows.filter(([, , born]) => born === null).length).toBe(3)
    expect(plans.map(({ stream }) => stream.name)).toEqual(['orders', 'events'])
    expect(plans[1]!.columns.map(({ name }) => name)).toEqual(['id'])
    await expectNothingOpen(report)

    const sum = (field: 'rows_read' | 'rows_masked' | 'rows_sent' | 'rows_written' | 'bytes') =>
      report.streams.reduce((total, stream) => total + stream[field], 0)
    expect(telemetry).toMatchObject({
      runs_started: 1,
      runs_completed: 1,
      runs_failed: 0,
      streams_started: 2,
      streams_completed: 2,
      streams_failed: 0,
      errors: 0,
      rows_read: sum('rows_read'),
      rows_masked: sum('rows_masked'),
      rows_sent: sum('rows_sent'),
      rows_written: sum('rows_written'),
      bytes_written: sum('bytes'),
      zero_dates: 3,
      verifications_passed: 2,
      connections_opened: report.connections.opened,
      connections_closed: report.connections.opened,
      connections_failed: 0,
    })

    const writes = audit.filter(({ type }) => type === 'stream.write')
    expect(writes.map(({ outcome }) => outcome)).toEqual(['intent', 'ok', 'intent', 'ok'])
    expect(writes[0]!.op).toBe(writes[1]!.op)
    expect(writes[1]!.data).toMatchObject({ rows: ORDERS, route: 'create' })
    const runs = audit.filter(({ type }) => type === 'run')
    expect(runs.map(({ outcome }) => outcome)).toEqual(['intent', 'ok'])
    expect(audit.indexOf(runs[1]!)).toBeGreaterThan(audit.indexOf(writes[3]!))

    const [saved] = await readdir(join(home, 'runs'))
    const path = join(home, 'runs', saved!)
    expect(saved).toBe(`${report.run_id}.json`)
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    expect((await stat(join(home, 'runs'))).mode & 0o777).toBe(0o700)
    const text = await readFile(path, 'utf8')
    expect(JSON.parse(text)).toMatchObject({ run_id: report.run_id, status: 'ok', rows_written: ORDERS + 2 })
    for (const secret of [from.password, to.password, 'key of the test', EMAIL]) {
      expect(await everythingBelow(home)).not.toContain(secret)
    }
  })

  it('goes on after a stream that fails: partial, exit 6, the failed one left as it was', async () => {
    const { report, telemetry, audit } = await run({
      bad: { mode: 'replace' },
      events: { mode: 'replace' },
      missing: {},
    })
    expect([report.status, report.exit_code, report.rows_written]).toEqual(['partial', 6, 2])
    expect(report.streams.map(({ stream, status }) => [stream, status])).toEqual([
      ['bad', 'failed'],
      ['events', 'ok'],
      ['missing', 'failed'],
    ])
    expect(report.streams[0]!.error).toMatchObject({ code: 'CONSTRAINT_VIOLATED', origin: '23514', exit_code: 5 })
    // What was read before it failed is told; nothing of it was written.
    expect(report.streams[0]).toMatchObject({ rows_read: 2, batches: 1, rows_written: 0 })
    expect(report.streams[2]!.error).toMatchObject({ code: 'TABLE_NOT_FOUND' })
    expect(await to.rows('SELECT id FROM bad')).toEqual([['0']])
    expect(telemetry).toMatchObject({
      streams_completed: 1,
      streams_failed: 2,
      errors: 2,
      runs_failed: 1,
      rows_written: 2,
    })
    const failed = audit.find(({ outcome }) => outcome === 'failed')
    expect(failed!.data).toMatchObject({ code: 'CONSTRAINT_VIOLATED', ref: report.streams[0]!.error!['ref'] })
    await expectNothingOpen(report)
  })

  it('fails with the code of the error where every stream failed', async () => {
    const { report } = await run({ bad: {} })
    expect([report.status, report.exit_code]).toEqual(['failed', 5])
    await expectNothingOpen(report)
  })

  it.each([
    ['a mask on the key', { orders: { mask: { id: 'redact' } } }, {}, 'MASK_ON_KEY', 4, 'mask.id'],
    [
      'a mask on a key of the pipeline',
      { orders: { primary_key: 'email', mask: { email: 'partial-email' } } },
      {},
      'MASK_ON_KEY',
      4,
      'mask.email',
    ],
    [
      'a mask on an unknown column',
      { orders: { mask: { emial: 'hash' } } },
      {},
      'COLUMN_NOT_FOUND',
      5,
      'Did you mean "email"?',
    ],
    [
      'a column that must be masked',
      { orders: {} },
      { deny_unmasked: ['*mail'] },
      'UNMASKED_COLUMN',
      4,
      'orders.email',
    ],
    [
      'a selection of what is not there',
      { orders: { select: ['id', 'nmae'] } },
      {},
      'COLUMN_NOT_FOUND',
      5,
      'select.nmae',
    ],
  ] as const)('refuses %s before a row is read', async (_, streams, more, code, exit, says) => {
    const { report, telemetry, audit } = await run(streams, {}, more)
    const error = report.streams[0]!.error!
    expect([error['code'], report.exit_code]).toEqual([code, exit])
    expect(error['message']).toContain(says)
    expect([telemetry.rows_read, telemetry.rows_written]).toEqual([0, 0])
    expect(audit.filter(({ type }) => type === 'stream.write')).toEqual([])
    expect(await to.rows("SELECT to_regclass('orders')::text")).toEqual([[null]])
    await expectNothingOpen(report)
  })

  it('takes a column that must be masked when it is masked or left out', async () => {
    const streams = {
      orders: { mask: { email: 'hash' } },
      some: { table: 'orders', target_table: 'some', select: ['-email'] },
    }
    const { report } = await run(streams, {}, { deny_unmasked: ['ORDERS.email'] })
    expect(report.status).toBe('ok')
  })

  it('stops at an abort: exit 130, what was complete stays, nothing of the rest', async () => {
    const stop = new AbortController()
    const streams = { events: {}, wide: {}, orders: {} }
    const { ms, result } = await timed(() =>
      run(streams, {
        signal: stop.signal,
        onProgress: ({ stream, rows }) => {
          if (stream === 'wide' && rows > 5) stop.abort()
        },
      }),
    )
    expect(ms).toBeLessThan(6_000)
    const { report, telemetry, audit } = result
    expect([report.status, report.exit_code]).toEqual(['cancelled', 130])
    expect(report.streams.map(({ status }) => status)).toEqual(['ok', 'failed', 'skipped'])
    expect(report.streams[1]!.error!['code']).toBe('ABORTED')
    expect(
      await to.rows("SELECT to_regclass('wide')::text, to_regclass('orders')::text, count(*) FROM events"),
    ).toEqual([[null, null, '2']])
    expect(telemetry.runs_failed).toBe(1)
    expect(audit.filter(({ type }) => type === 'stream.write').map(({ outcome }) => outcome)).toEqual([
      'intent',
      'ok',
      'intent',
      'failed',
    ])
    await expectNothingOpen(report)
  })

  it('does not run at all when it is aborted before', async () => {
    const { report } = await run({ events: {} }, { signal: AbortSignal.abort() })
    expect([report.status, report.exit_code, report.connections.opened]).toEqual(['cancelled', 130, 0])
    expect(report.streams[0]!.status).toBe('skipped')
  })

  it('runs the streams that were chosen, and refuses unknown ones before anything', async () => {
    const { report } = await run({ events: {}, orders: { disabled: true }, bad: {} }, { streams: ['events'] })
    expect(report.streams.map(({ stream }) => stream)).toEqual(['events'])
    await failure(run({ events: {} }, { streams: ['evnets'] }), 'USAGE')
  })

  it('does nothing without its record: no audit, no write', async () => {
    await writeFile(join(folder, 'kept'), 'a file where the folder should be')
    await failure(run({ events: {} }), 'AUDIT_UNAVAILABLE')
    expect(await to.rows("SELECT to_regclass('events')::text")).toEqual([[null]])
    expect(await settle(() => countSockets(engines.mysql.port, engines.postgres.port), 0, 1_000)).toBe(0)
  })

  it('tries a refused login once, however many streams there are: the account is not locked', async () => {
    const { report, telemetry } = await run(
      { events: {}, orders: {}, wide: {}, bad: {} },
      {},
      {
        connections: {
          shop: {
            driver: 'mysql',
            host: engines.mysql.host,
            port: engines.mysql.port,
            database: from.name,
            user: from.user,
            password: '${env:WAREHOUSE}',
          },
          warehouse: {
            driver: 'postgres',
            host: engines.postgres.host,
            port: engines.postgres.port,
            database: to.name,
            user: to.user,
            password: '${env:WAREHOUSE}',
          },
        },
      },
    )
    expect([report.status, report.exit_code]).toEqual(['failed', 3])
    expect(report.streams.map(({ error }) => error?.code ?? null).filter((code) => code !== null)).toContain(
      'AUTH_FAILED',
    )
    expect(telemetry.connections_failed).toBe(1)
    await expectNothingOpen(report)
  })

  it('plans without reading or writing a row', async () => {
    await using space = await workspace()
    const plans = await planPipeline(
      space,
      await pipelineOf(space, { orders: { mode: 'replace', mask: { email: 'hash' } } }),
    )
    expect(plans[0]!.statement).toContain('FROM `orders`')
    expect(plans[0]!.outline).toMatchObject({
      targetExists: false,
      columnTypes: { id: 'integer', born: 'date', note: 'text' },
    })
    expect(plans[0]!.outline.statements[0]).toBe('BEGIN')
    expect(await to.rows("SELECT to_regclass('orders')::text")).toEqual([[null]])
    expect(space.telemetry.snapshot()).toMatchObject({ rows_read: 0, runs_started: 0 })
  })
})

/** All records of the log, once it was verified. */
async function auditOf(dir: string | undefined): Promise<AuditRecord[]> {
  if (dir === undefined) return []
  const verified = await AuditLog.verify(dir)
  expect([verified.ok, verified.problems]).toEqual([true, []])
  const files = (await readdir(dir)).filter((name) => name.endsWith('.jsonl')).sort()
  const texts = await Promise.all(files.map((name) => readFile(join(dir, name), 'utf8')))
  const records = texts
    .join('')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as AuditRecord)
  expect(records.length).toBe(verified.records)
  return records
}

async function everythingBelow(folder: string): Promise<string> {
  const files = await readdir(folder, { recursive: true, withFileTypes: true })
  const texts = files
    .filter((file) => file.isFile())
    .map((file) => readFile(join(file.parentPath, file.name), 'latin1'))
  return (await Promise.all(texts)).join('\n')
}
