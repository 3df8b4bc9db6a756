import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it, onTestFinished } from 'vitest'
import { type Engine, type EngineName, FaultProxy, isMissing, startEngine } from '../../src/testing/index.js'
import { describeWith } from '../setup/engines.js'
import { calmLine, type Ended, envelope, type Running } from './airlock.js'
import { type Project, project } from './project.js'

const ROWS = 30_000
const TIMEOUT = 90_000

/** A run in the middle of its load: the source is read slowly through a proxy, and the target is in its COPY. */
interface Load extends AsyncDisposable {
  readonly p: Project
  readonly running: Running
  readonly source: FaultProxy
  readonly target: FaultProxy
}

async function startLoad(engines: Record<EngineName, Engine>, ...options: readonly string[]): Promise<Load> {
  const p = await project(engines, ROWS)
  const source = await FaultProxy.start(engines.mysql, { kind: 'throttle', bytesPerSecond: 500_000 })
  const target = await FaultProxy.start(engines.postgres)
  await p.target.exec(
    "CREATE TABLE orders (id integer PRIMARY KEY, email text, note text); INSERT INTO orders VALUES (0, 'a', 'b')",
  )
  await p.configure({ shop: { port: source.port }, warehouse: { port: target.port } })
  await p.pipeline({ mode: 'replace' })
  const running = p.start(['run', 'nightly.yaml', ...options])
  // The first batch is a quarter of a megabyte, so by then rows have reached the COPY.
  await until(running, () => source.counts.bytesToClient > 300_000 && target.counts.bytesToServer > 150_000)
  return {
    p,
    running,
    source,
    target,
    async [Symbol.asyncDispose]() {
      running.child.kill('SIGKILL')
      await Promise.all([source.close(), target.close()])
      await p[Symbol.asyncDispose]()
    },
  }
}

async function until(running: Running, holds: () => boolean): Promise<void> {
  let over: Ended | undefined
  void running.ended.then((ended) => {
    over = ended
  })
  for (const deadline = Date.now() + 30_000; !holds(); await sleep(20)) {
    if (over !== undefined) throw new Error(`the run has ended: ${over.text}`)
    if (Date.now() > deadline) throw new Error('the load did not get under way')
  }
}

/** Sends the signals, 50 ms apart; how long the process took to end after the last of them. */
async function interrupt(
  { running }: Load,
  ...signals: readonly NodeJS.Signals[]
): Promise<{ ended: Ended; ms: number }> {
  let sent = 0
  for (const [at, signal] of signals.entries()) {
    if (at > 0) await sleep(50)
    running.child.kill(signal)
    sent = performance.now()
  }
  const ended = await running.ended
  return { ended, ms: performance.now() - sent }
}

async function expectUntouched({ p }: Load, ended: Ended): Promise<void> {
  expect(p.canaries.in(ended.text)).toEqual([])
  expect(p.canaries.in(await p.home())).toEqual([])
  expect(await p.tables()).toEqual({ orders: ['(0,a,b)'] })
  expect(await p.sessions()).toBe(0)
}

describeWith(['mysql', 'postgres'], 'a run that is interrupted in the middle of its load', (engines) => {
  it.for([
    ['SIGINT', 'INTERRUPTED', 130],
    ['SIGTERM', 'TERMINATED', 143],
  ] as const)(
    '%s rolls back, closes and exits within two seconds',
    { timeout: TIMEOUT },
    async ([signal, code, exit]) => {
      await using load = await startLoad(engines)
      const { ended, ms } = await interrupt(load, signal)
      expect(ended).toMatchObject({ code: exit, signal: null })
      // Two seconds are promised; the rest is for a machine that has other things to do.
      expect(ms).toBeLessThan(4000)
      expect(calmLine(ended, code)).toMatch(/^orders: /)
      expect(ended.stdout).toMatch(/^cancelled: 0 rows /m)
      expect(ended.stdout).toMatch(/connections opened 2, closed 2\b/)
      await expectUntouched(load, ended)
      const audit = await load.p.run(['audit', 'verify'])
      expect(audit).toMatchObject({ code: 0, stderr: '' })
    },
  )

  it('exits also when no server answers any more, and at once at a second signal', { timeout: TIMEOUT }, async () => {
    const frozen = async (...signals: readonly NodeJS.Signals[]) => {
      await using load = await startLoad(engines)
      load.source.freeze()
      load.target.freeze()
      const { ended, ms } = await interrupt(load, ...signals)
      expect(ended).toMatchObject({ code: 130, signal: null })
      await Promise.all([load.source.close(), load.target.close()])
      await expectUntouched(load, ended)
      return ms
    }
    const once = await frozen('SIGINT')
    expect(once).toBeLessThan(4000)
    expect(await frozen('SIGINT', 'SIGINT')).toBeLessThan(once)
  })

  it('exits also while something waits that hears no signal', { timeout: TIMEOUT }, async () => {
    await using p = await project(engines)
    const started = join(p.folder, 'started')
    const password = `\${cmd:sh -c 'echo > started; sleep 10'}`
    await p.configure({ shop: { password }, file: { allow_cmd: true } })
    const { child, ended } = p.start(['config', 'check'])
    for (const deadline = Date.now() + 30_000; !existsSync(started) && Date.now() < deadline; ) await sleep(20)
    expect(existsSync(started)).toBe(true)
    child.kill('SIGINT')
    const sent = performance.now()
    expect(await ended).toMatchObject({ code: 130, signal: null })
    expect(performance.now() - sent).toBeLessThan(5000)
  })

  it.for(['mysql', 'postgres'] as const)('%s ends the session', { timeout: TIMEOUT }, async (side) => {
    await using load = await startLoad(engines, '--retries', '0')
    const { user } = side === 'mysql' ? load.p.source : load.p.target
    expect(await engines[side].endSessions({ user })).toBe(1)
    const ended = await load.running.ended
    expect(ended.code).toBe(5)
    expect(calmLine(ended, 'CONNECTION_LOST')).toContain(` at ${side === 'mysql' ? 'shop' : 'warehouse'}: `)
    await expectUntouched(load, ended)
  })

  it.for(['mysql', 'postgres'] as const)(
    '%s ends the session, and the second attempt is complete',
    { timeout: TIMEOUT },
    async (side) => {
      await using load = await startLoad(engines, '--json')
      const { p } = load
      const { user } = side === 'mysql' ? p.source : p.target
      expect(await engines[side].endSessions({ user })).toBe(1)
      const ended = await load.running.ended
      const { data } = envelope(ended) as {
        data: { streams: object[]; connections: { opened: number; closed: number } }
      }
      expect([ended.code, data.streams]).toEqual([
        0,
        [expect.objectContaining({ status: 'ok', attempts: 2, rows_written: ROWS })],
      ])
      expect(data.connections).toEqual({ opened: 4, closed: 4 })
      expect((await p.tables())['orders']).toHaveLength(ROWS)
      expect(await p.sessions()).toBe(0)
      expect(await p.home()).toContain('attempt.retried')
    },
  )

  it.for(['mysql', 'postgres'] as const)('%s is killed', { timeout: TIMEOUT }, async (side, { skip }) => {
    const doomed = await startEngine(side, { binaryOnly: true })
    if (isMissing(doomed)) return skip(doomed.reasons.join('; '))
    try {
      const load = await startLoad({ ...engines, [side]: doomed }, '--retries', '0')
      const { p, running } = load
      onTestFinished(() => rm(p.folder, { recursive: true, force: true }))
      await doomed.kill()
      const ended = await running.ended
      await Promise.all([load.source.close(), load.target.close()])
      expect(ended.code).toBe(5)
      expect(calmLine(ended, 'CONNECTION_LOST')).toContain(` at ${side === 'mysql' ? 'shop' : 'warehouse'}: `)
      expect(p.canaries.in(ended.text + (await p.home()))).toEqual([])
      if (side === 'mysql') {
        expect(await p.tables()).toEqual({ orders: ['(0,a,b)'] })
        expect(await engines.postgres.sessions({ user: p.target.user })).toBe(0)
        await p.target.drop()
      } else {
        expect(await engines.mysql.sessions({ user: p.source.user })).toBe(0)
        await p.source.drop()
      }
    } finally {
      await doomed.stop()
    }
  })
})
