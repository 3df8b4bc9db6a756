import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { loadPipeline } from '../../../src/config/load-pipeline.js'
import { graphql } from '../../../src/drivers/index.js'
import { createMasker } from '../../../src/masking/index.js'
import type { NewFrame } from '../../../src/remote/protocol.js'
import type { WorkerContext } from '../../../src/remote/worker/worker-context.js'
import type { JobConnection, StreamsJob } from '../../../src/run/jobs/job.js'
import { performJob } from '../../../src/run/jobs/perform-job.js'
import { Workspace } from '../../../src/run/workspace.js'
import { FaultProxy, settle, type TestDatabase } from '../../../src/testing/index.js'
import { GraphqlServer } from '../../drivers/graphql-server.js'
import { PostgrestFake } from '../../drivers/postgrest-fake.js'
import { describeWith } from '../../setup/engines.js'
import { type TwoEnds, twoEnds } from '../two-ends.js'
import { streamsJob } from './streams-job.js'

const TEST_MS = 60_000

/** What a worker gives its work, here. */
function working(folder: string, signal = new AbortController().signal) {
  const frames: NewFrame[] = []
  const context: WorkerContext = {
    spec: { v: 1, run: 'run-1', job: 'job-1', attempt: 1, beat_ms: 1000, deadline_ms: 1000, inputs: [] },
    signal,
    masker: createMasker({}),
    inputs: folder,
    data: folder,
    send: (frame) => void frames.push(frame),
    count: () => undefined,
  }
  // Both connections are opened at one time.
  const byName = (a: { connection: string }, b: { connection: string }) => (a.connection < b.connection ? -1 : 1)
  return { context, frames, probes: () => frames.filter((frame) => frame.t === 'probe').sort(byName) }
}

describeWith(['mysql', 'postgres'], 'a job', (engines) => {
  let ends: TwoEnds
  let folder: string
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'airlock-job-'))
    ends = await twoEnds(engines.mysql, engines.postgres)
    await ends.source.exec(`CREATE TABLE orders (id INT PRIMARY KEY, email VARCHAR(80));
      INSERT INTO orders VALUES (1, 'a@example.com'), (2, 'b@example.com')`)
  })
  afterAll(async () => {
    await ends[Symbol.asyncDispose]()
    rmSync(folder, { recursive: true, force: true })
  })
  beforeEach(async () => {
    await ends.configure({})
    await ends.target.exec('DROP SCHEMA public CASCADE; CREATE SCHEMA public')
  })
  const makeJob = async (streams: object = { orders: { mode: 'replace' } }, changes: Partial<StreamsJob> = {}) => {
    await using space = await ends.open()
    return await streamsJob(space, await ends.pipeline(space, streams), changes)
  }
  const changed = (connection: JobConnection, settings: object, addresses = {}): JobConnection => ({
    ...connection,
    settings: { ...connection.settings, ...settings },
    addresses,
  })
  const noneLeft = async () => {
    const left = async () =>
      (await engines.mysql.sessions({ user: ends.source.user })) +
      (await engines.postgres.sessions({ user: ends.target.user }))
    expect(await settle(left, 0, 5000)).toBe(0)
  }

  it('dials no other address than those that came with it', { timeout: TEST_MS }, async () => {
    const job = await makeJob()
    const tls = { mode: 'disable' }
    const source = changed(job.source, { host: 'shop.invalid', tls }, { 'shop.invalid': ['127.0.0.1'] })
    const target = changed(job.target, { host: 'localhost', tls }, { localhost: [engines.postgres.host] })
    const { context, probes } = working(folder)
    expect(await performJob({ ...job, source, target }, context)).toMatchObject({ status: 'ok', exit_code: 0 })
    expect(probes()).toEqual([
      { t: 'probe', connection: 'from', ok: true, class: 'ok' },
      { t: 'probe', connection: 'to', ok: true, class: 'ok' },
    ])
    // `localhost` has an address wherever this runs; the job has none for it.
    const astray = working(folder)
    const refused = await performJob({ ...job, source, target: { ...target, addresses: {} } }, astray.context)
    expect(astray.probes().at(-1)).toEqual({ t: 'probe', connection: 'to', ok: false, class: 'host_not_found' })
    expect(refused).toMatchObject({
      status: 'failed',
      exit_code: 3,
      streams: [{ error: { code: 'HOST_NOT_FOUND', connection: 'to' } }],
    })
    await noneLeft()
  })

  it('says which connection cannot be reached, before any work', { timeout: TEST_MS }, async () => {
    const job = await makeJob()
    const closing = createServer((socket) => socket.destroy())
    await new Promise<void>((resolve) => closing.listen(0, '127.0.0.1', resolve))
    const { port } = closing.address() as { port: number }
    const blocked = working(folder)
    const target = changed(job.target, { port }, job.target.addresses)
    expect(await performJob({ ...job, target }, blocked.context)).toMatchObject({
      exit_code: 3,
      streams: [{ status: 'failed' }],
    })
    expect(blocked.probes().at(-1)).toEqual({ t: 'probe', connection: 'to', ok: false, class: 'connect_reset' })
    // Behind an egress proxy: whatever the protocol begins with, and with TLS too.
    for (const mode of ['disable', 'verify-full']) {
      for (const settings of [
        { driver: 'mysql', settings: { host: 'db.invalid', port, user: 'u', tls: { mode } } },
        { driver: 'postgres', settings: { host: 'db.invalid', port, user: 'u', database: 'd', tls: { mode } } },
        {
          driver: 'graphql',
          settings: { endpoint: `http${mode === 'disable' ? '' : 's'}://db.invalid:${port}/`, tls: { mode } },
        },
      ]) {
        const behind = working(folder)
        const source = { name: 'from', addresses: { 'db.invalid': ['127.0.0.1'] }, ...settings }
        await performJob({ ...job, source }, behind.context)
        const frame = { t: 'probe', connection: 'from', ok: false, class: 'connect_reset' }
        expect([settings.driver, mode, behind.probes()[0]]).toEqual([settings.driver, mode, frame])
      }
    }
    await new Promise((resolve) => closing.close(resolve))
    const refused = working(folder)
    await performJob({ ...job, target }, refused.context)
    expect(refused.probes().at(-1)).toEqual({ t: 'probe', connection: 'to', ok: false, class: 'connect_refused' })
    expect(refused.frames.map(({ t }) => t)).toEqual(['probe', 'probe'])
    await noneLeft()
  })

  // Guard: AUTH_FAILED ends the job. Without it the streams logged in once more, which locks accounts.
  it('repeats no login that was refused', { timeout: TEST_MS }, async () => {
    const job = await makeJob()
    await using proxy = await FaultProxy.start(engines.postgres)
    const target = changed(job.target, { port: proxy.port, user: 'nobody_there' }, job.target.addresses)
    const { context, probes } = working(folder)
    const result = await performJob({ ...job, target, retries: 2 }, context)
    expect(result).toMatchObject({ status: 'failed', exit_code: 3, streams: [{ error: { code: 'AUTH_FAILED' } }] })
    expect(probes().at(-1)).toEqual({ t: 'probe', connection: 'to', ok: true, class: 'auth_failed' })
    expect(proxy.counts.total).toBe(1)
  })

  it('leaves the files of a target where they will be fetched, and reads those of a source from the inputs', async () => {
    const inputs = mkdtempSync(join(folder, 'in-'))
    writeFileSync(join(inputs, 'orders.csv'), 'id,email\n1,a@example.com\n')
    const job = await makeJob()
    const { context } = working(folder)
    const files = (name: string): JobConnection => ({
      name,
      driver: 'files',
      settings: { root: '/nowhere' },
      addresses: {},
    })
    const arrived = await performJob({ ...job, source: files('from') }, { ...context, inputs })
    expect(arrived.streams).toMatchObject([{ status: 'ok', rows_written: 1 }])
    const left = await performJob({ ...job, target: files('to') }, context)
    expect(left.streams).toMatchObject([{ status: 'ok', rows_written: 2 }])
    expect(readFileSync(join(folder, 'orders.csv'), 'utf8')).toBe('id,email\n1,a@example.com\n2,b@example.com\n')
    const appended = await makeJob({ orders: { mode: 'append' } })
    const refused = await performJob({ ...appended, target: files('to') }, context)
    expect(refused).toMatchObject({ exit_code: 4, streams: [{ error: { code: 'UNSUPPORTED' } }] })
  })

  it('is done where an earlier attempt did commit, and does nothing where a later one has claimed', async () => {
    const stream = { orders: { mode: 'append', primary_key: ['id'] } }
    const at = (number: number) => ({ fence: { holder: 'run/job', number } })
    const first = await performJob(await makeJob(stream, at(1)), working(folder).context)
    expect(first.streams).toMatchObject([{ status: 'ok', rows_read: 2, rows_written: 2 }])
    const again = await performJob(await makeJob(stream, at(2)), working(folder).context)
    expect(again.streams).toMatchObject([{ status: 'ok', rows_read: 0, rows_written: 2 }])
    expect(await ends.target.rows('SELECT COUNT(*) FROM orders')).toEqual([['2']])
    await ends.target.exec(`UPDATE _airlock_state SET value = '{"holder":"run/job","number":9000,"rows":null}'
      WHERE stream = 'orders#fence'`)
    const late = await performJob(await makeJob(stream, at(3)), working(folder).context)
    expect(late.streams).toMatchObject([{ status: 'failed', error: { code: 'FENCED' } }])
    expect(await ends.target.rows('SELECT COUNT(*) FROM orders')).toEqual([['2']])
  })

  it('is cancelled with what it was doing', { timeout: TEST_MS }, async () => {
    const job = await makeJob()
    await using proxy = await FaultProxy.start(engines.postgres, { kind: 'stall' })
    const target = changed(job.target, { port: proxy.port }, job.target.addresses)
    const stop = new AbortController()
    const { context } = working(folder, stop.signal)
    setTimeout(() => stop.abort(), 300)
    expect(await performJob({ ...job, target }, context)).toMatchObject({ status: 'cancelled', exit_code: 130 })
    await noneLeft()
  })
})

describeWith(['postgres'], 'a job of HTTP services', ({ postgres: engine }) => {
  let api: GraphqlServer
  let database: TestDatabase
  let rest: PostgrestFake
  let folder: string
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'airlock-job-'))
    api = await GraphqlServer.start()
    database = await engine.createDatabase('jobs')
    rest = await PostgrestFake.start(database, { key: 'service-key' })
  })
  afterAll(async () => {
    await Promise.all([api.stop(), rest.stop(), database.drop()])
    rmSync(folder, { recursive: true, force: true })
  })
  const portOf = (url: string) => /:(\d+)/.exec(url)![1]!
  const makeJob = async (streams: object, source: string, target: string) => {
    const { name, user } = database
    const oauth = {
      ...{ type: 'oauth2', client_id: 'me', client_secret: '${env:SECRET}' },
      token_url: `http://login.invalid:${portOf(api.url)}/token`,
    }
    const connections = {
      api: {
        driver: 'graphql',
        endpoint: `http://api.invalid:${portOf(api.url)}/graphql`,
        auth: oauth,
        tls: { mode: 'disable' },
      },
      rest: {
        driver: 'supabase-rest',
        rest_url: `http://rest.invalid:${portOf(rest.url)}`,
        key: '${env:REST}',
        tls: { mode: 'disable' },
      },
      warehouse: {
        ...{ driver: 'postgres', host: engine.host, port: engine.port, database: name, user },
        password: '${env:PG}',
      },
    }
    writeFileSync(join(folder, 'airlock.yaml'), JSON.stringify({ connections }))
    writeFileSync(join(folder, 'p.yaml'), JSON.stringify({ name: 'p', source, target, streams }))
    const env = { PG: database.password, REST: 'service-key', SECRET: 'hush' }
    await using space = await Workspace.open({ cwd: folder, env })
    return await streamsJob(space, await loadPipeline(join(folder, 'p.yaml'), space.config))
  }
  const read = {
    document: `query ($first: Int, $after: String) {
      orders(first: $first, after: $after) { nodes { id number } pageInfo { hasNextPage endCursor } } }`,
  }

  it('asks APIs and their token services at the addresses that came with it', { timeout: TEST_MS }, async () => {
    api.token = () => ({ access_token: 'fresh', token_type: 'Bearer', expires_in: 60 })
    api.allows = ({ authorization }) => authorization === 'Bearer fresh'
    const job = await makeJob(
      { orders: { mode: 'replace', graphql: read, target_table: 'public.from_api' } },
      'api',
      'warehouse',
    )
    const hosts = graphql.reaches(job.source.settings as never).map((place) => 'host' in place && place.host)
    expect(hosts).toEqual(['api.invalid', 'login.invalid'])
    const addresses = { 'api.invalid': ['127.0.0.1'], 'login.invalid': ['127.0.0.1'] }
    const { context } = working(folder)
    const result = await performJob({ ...job, source: { ...job.source, addresses } }, context)
    expect(result.streams).toMatchObject([{ status: 'ok', error: null }])
    expect(result.streams[0]!.rows_read).toBeGreaterThan(5)
    // Guard: the lookup that dialHost is given.
    const astray = { 'api.invalid': ['127.0.0.1'] }
    const refused = await performJob({ ...job, source: { ...job.source, addresses: astray } }, working(folder).context)
    expect(refused.streams).toMatchObject([{ error: { code: 'HOST_NOT_FOUND' } }])
  })

  it('reads through PostgREST at the address that came with it', { timeout: TEST_MS }, async () => {
    await database.exec('CREATE TABLE things (id INT PRIMARY KEY); INSERT INTO things VALUES (1), (2), (3)')
    const stream = { things: { mode: 'replace', primary_key: ['id'], target_table: 'public.copied' } }
    const job = await makeJob(stream, 'rest', 'warehouse')
    const addresses = { 'rest.invalid': ['127.0.0.1'] }
    const result = await performJob({ ...job, source: { ...job.source, addresses } }, working(folder).context)
    expect(result.streams).toMatchObject([{ status: 'ok', rows_written: 3 }])
  })

  it('refuses a stream whose state would be kept beside the configuration', { timeout: TEST_MS }, async () => {
    const mutation = {
      document: 'mutation ($objects: [OrderInput!]!) { insertOrders(objects: $objects) { affected_rows } }',
    }
    await database.exec('CREATE TABLE orders (id INT PRIMARY KEY, number INT)')
    api.token = () => ({ access_token: 'fresh', token_type: 'Bearer', expires_in: 60 })
    api.allows = ({ authorization }) => authorization === 'Bearer fresh'
    const stream = { orders: { mode: 'append', cursor: 'id', primary_key: ['id'], mutation } }
    const job = await makeJob(stream, 'warehouse', 'api')
    const addresses = { 'api.invalid': ['127.0.0.1'], 'login.invalid': ['127.0.0.1'] }
    const result = await performJob({ ...job, target: { ...job.target, addresses } }, working(folder).context)
    expect(result).toMatchObject({ exit_code: 4, streams: [{ error: { code: 'UNSUPPORTED' } }] })
    expect(result.streams[0]!.error!.message).toContain('without --remote')
  })
})
