import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, beforeEach, expect, it, onTestFinished } from 'vitest'
import type { RemoteEvent } from '../../src/remote/remote-event-log.js'
import { openAdapter } from '../../src/run/remote/open-adapter.js'
import { settle } from '../../src/testing/index.js'
import { describeWith } from '../setup/engines.js'
import { FaultBench, STREAMS } from './fault-bench.js'

const TEST_MS = 90_000
const APPEND = { orders: { ...STREAMS.orders, mode: 'append' } }

describeWith(['mysql', 'postgres'], 'faults on this side', (engines) => {
  let bench: FaultBench
  beforeAll(async () => {
    bench = await FaultBench.create(engines.mysql, engines.postgres)
  })
  afterAll(() => bench?.[Symbol.asyncDispose]())
  beforeEach(() => bench.reset())

  /** Aborts when it is told of an event. */
  const abortAt = (event: RemoteEvent['event']) => {
    const controller = new AbortController()
    const onRemoteEvent = (told: RemoteEvent) => {
      if (told.event === event) controller.abort()
    }
    return { signal: controller.signal, onRemoteEvent }
  }

  it.each([
    ['sandbox.created', []],
    ['remote.hello', []],
    ['remote.secrets_sealed', [{ at: 'stream', kind: 'stop', after: 400 }]],
    ['sandbox.create_failed', [{ at: 'create', kind: 'busy', times: 'always' }]],
    ['artifact.download_failed', [{ at: 'download', kind: 'server-error', times: 'always' }]],
  ] as const)('an abort at %s cancels', { timeout: TEST_MS }, async (event, faults) => {
    const run = await bench.run(faults, abortAt(event))
    expect(run.report).toMatchObject({ status: 'cancelled', exit_code: 130 })
    expect(run.beyond).toContain('remote.cancelled')
    await bench.expectAllOrNothing(run)
  })

  it('an abort whose sandbox cannot be killed says so, and the sandbox ends with its time', {
    timeout: TEST_MS,
  }, async () => {
    const stuck = [
      { at: 'stream', kind: 'stop', after: 400 },
      { at: 'kill', kind: 'server-error', times: 'always' },
    ] as const
    const controller = abortAt('remote.secrets_sealed')
    const run = await bench.run(stuck, { ...controller, leaves: true })
    expect(run.report).toMatchObject({ status: 'cancelled', exit_code: 130 })
    expect(run.beyond).toEqual(
      expect.arrayContaining(['remote.cancelled', 'remote.kill_failed', 'sandbox.kill_failed']),
    )
    const [left, ...others] = bench.remote.server.sandboxes()
    expect(others).toEqual([])
    // No later than the lease from now.
    expect(left!.timeoutAt.getTime()).toBeLessThanOrEqual(Date.now() + 180_000)
    await bench.remote.server.expireSandbox(left!.id)
    await bench.remote.expectNothingLeft()
    // Its worker may have committed before it ended; never a part of it.
    await bench.expectAllOrNothing(run)
  })

  it.each([600, 800, 1000, 1200])(
    'an append whose sandbox is killed after %d bytes has every row once',
    { timeout: TEST_MS },
    async (after) => {
      const run = await bench.run([{ at: 'stream', kind: 'sandbox-killed', after }], { streams: APPEND })
      expect(run.report).toMatchObject({ status: 'ok', exit_code: 0 })
      expect(await bench.contents()).toBe(bench.expected)
    },
  )

  it('an append whose report is lost after the commit has every row once', { timeout: TEST_MS }, async () => {
    const lost = { at: 'download', kind: 'not-found', path: /report|manifest/, times: 6 } as const
    const run = await bench.run([lost], { streams: APPEND })
    expect(run.report.remote!.sandboxes).toBeGreaterThan(1)
    expect(run.report.status).toBe('ok')
    expect(await bench.contents()).toBe(bench.expected)
  })

  it('a write that another run has claimed meanwhile is not committed', { timeout: TEST_MS }, async () => {
    const { target } = bench.remote.ends
    await target.exec('CREATE TABLE orders (id bigint PRIMARY KEY, email text, note text)')
    const claim = `{"holder":"another","number":1,"rows":null}`
    // While nobody may write, somebody else claims the write.
    const blocked = target.exec('BEGIN; LOCK TABLE orders IN SHARE MODE; SELECT pg_sleep(6); COMMIT')
    const claimed = (async () => {
      const claims = async () => {
        const [[there]] = (await target.rows("SELECT to_regclass('_airlock_state') IS NOT NULL")) as [[string]]
        if (there === 'f') return 0
        return (await target.rows("SELECT 1 FROM _airlock_state WHERE stream LIKE '%#fence'")).length
      }
      expect(await settle(claims, 1, 15_000)).toBe(1)
      await target.exec(`UPDATE _airlock_state SET value = '${claim}' WHERE stream LIKE '%#fence'`)
    })()
    const run = await bench.run([], { streams: APPEND, times: { silentBeats: 100 } })
    await Promise.all([blocked, claimed])
    expect(run.report).toMatchObject({ status: 'failed', streams: [{ error: { code: 'FENCED' } }] })
    expect(run.beyond).toEqual(['partition.fenced'])
    expect(await target.rows('SELECT count(*) FROM orders')).toEqual([['0']])
  })

  it('starts nothing beyond the cost limit', { timeout: TEST_MS }, async () => {
    const run = await bench.run([], { settings: { max_cost_usd: 0.000001 } })
    expect(run.report).toMatchObject({ status: 'failed', remote: { sandboxes: 0, cost_usd: 0 } })
    expect(run.beyond).toEqual(['partition.lost', 'remote.cost_limit'])
  })

  it('refuses an environment that makes the library pretend, and asks nobody', { timeout: TEST_MS }, async () => {
    const before = bench.remote.server.requests.length
    await bench.run([]) // which writes the configuration
    const after = bench.remote.server.requests.length
    expect(after).toBeGreaterThan(before)
    await using space = await bench.remote.ends.open({ E2B_KEY: bench.remote.server.apiKey, E2B_DEBUG: '1' })
    const told: unknown[] = []
    const { telemetry } = space
    const emit = telemetry.emit.bind(telemetry)
    telemetry.emit = (type, data) => {
      told.push([type, data])
      emit(type, data)
    }
    await expect(openAdapter(space)).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
    expect(told).toEqual([
      ['remote.reported', { event: 'remote.config_rejected', severity: 'error', class: 'CONFIG_INVALID' }],
    ])
    expect(bench.remote.server.requests.length).toBe(after)
  })

  it('creates nothing that it could not write down', { timeout: TEST_MS }, async () => {
    const runs = join(bench.remote.ends.folder, 'kept', 'runs')
    await rm(runs, { recursive: true, force: true })
    await writeFile(runs, '')
    onTestFinished(() => rm(runs, { force: true }))
    const report = await bench.remote.run(STREAMS)
    expect(report).toMatchObject({ status: 'failed', exit_code: 5 })
    expect(report.remote!.events).toMatchObject({ 'events.write_failed': 1, 'sandbox.untracked': 1 })
    await bench.remote.expectNothingLeft()
    expect(await bench.contents()).toBeUndefined()
  })

  it('is no success where the rest of its events could not be written', { timeout: TEST_MS }, async () => {
    const onRemoteEvent = async ({ event, run }: RemoteEvent) => {
      if (event !== 'remote.secrets_sealed') return
      const file = join(bench.remote.ends.folder, 'kept', 'runs', run, 'events.jsonl')
      await rm(file)
      await mkdir(file)
    }
    const report = await bench.remote.run(STREAMS, { onRemoteEvent: (event) => void onRemoteEvent(event) })
    expect(report).toMatchObject({ status: 'failed', exit_code: 5, streams: [{ error: { code: 'REMOTE_FAILED' } }] })
    expect(report.remote!.events).toMatchObject({ 'events.write_failed': 1 })
    // The report says that they are there.
    expect(await bench.contents()).toBe(bench.expected)
    await bench.remote.expectNothingLeft()
  })

  it('leaves nothing but a lease when this process is killed; a second run completes', {
    timeout: TEST_MS,
  }, async () => {
    const { server, ends } = bench.remote
    await bench.run([]) // which writes the configuration and the pipeline
    await bench.reset()
    const hang = server.inject({ at: 'stream', kind: 'stop', after: 400 })
    const program = fileURLToPath(new URL('lonely-run.ts', import.meta.url))
    const child = spawn(process.execPath, ['--import', import.meta.resolve('tsx'), program, bench.bundle], {
      cwd: ends.folder,
      env: { PATH: process.env['PATH'], ...ends.env, E2B_KEY: server.apiKey },
      stdio: 'ignore',
    })
    onTestFinished(() => void child.kill('SIGKILL'))
    const ended = once(child, 'exit')
    expect(await settle(() => hang.hits, 1, 30_000)).toBe(1)
    child.kill('SIGKILL')
    expect(await ended).toEqual([null, 'SIGKILL'])
    const left = server.sandboxes()
    expect(left.map(({ state }) => state)).toEqual(['running'])
    expect(left[0]!.timeoutAt.getTime()).toBeLessThanOrEqual(Date.now() + 180_000)
    await server.expireSandbox(left[0]!.id)
    await bench.remote.expectNothingLeft()
    await bench.expectSessionsGone()
    expect(await bench.contents()).toBeUndefined()
    const run = await bench.run([])
    expect(run.report.status).toBe('ok')
    expect(await bench.contents()).toBe(bench.expected)
  })
})
