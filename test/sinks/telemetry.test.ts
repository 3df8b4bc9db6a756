import { statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { AirlockError } from '../../src/errors/index.js'
import { Telemetry, type TelemetryOptions } from '../../src/sinks/telemetry.js'
import { getTelemetry } from '../../src/sinks/telemetry-container.js'
import { COUNTERS, type CounterDelta } from '../../src/sinks/telemetry-counters.js'
import { EVENT_TYPES } from '../../src/sinks/telemetry-events.js'
import { plainMasker, readRecords, scratch, segmentPaths, upTo } from './support.js'

function open(options: Partial<TelemetryOptions> = {}): Telemetry {
  return Telemetry.open({ masker: plainMasker, ...options })
}

describe('counters', () => {
  it('T1 100 concurrent calls count 100, 50 errors count 50', async () => {
    const telemetry = open()
    await Promise.all(
      upTo(100).map(async (i) => {
        await sleep(i % 5)
        telemetry.add({ statements: 1, ...(i % 2 === 0 ? { errors: 1 } : {}) })
      }),
    )
    expect(telemetry.snapshot()).toMatchObject({ statements: 100, errors: 50, version: 100 })
  })

  it('T2 identities hold in every snapshot while 10 × 100 tasks count', async () => {
    const telemetry = open()
    let version = 0
    const look = (): void => {
      const now = telemetry.snapshot()
      expect(now.rows_read).toBe(now.rows_written + now.rows_rejected)
      expect(now.bytes_written).toBe(7 * now.rows_written)
      expect(now.version).toBeGreaterThanOrEqual(version)
      expect(Object.isFrozen(now)).toBe(true)
      version = now.version
    }
    await Promise.all(
      upTo(10).map(async (task) => {
        for (const i of upTo(100)) {
          if ((i + task) % 3 === 0) telemetry.add({ rows_read: 2, rows_written: 1, rows_rejected: 1, bytes_written: 7 })
          else telemetry.add({ rows_read: 1, rows_written: 1, bytes_written: 7 })
          await sleep(0)
          look()
        }
      }),
    )
    expect(telemetry.snapshot().rows_written).toBe(1000)
  })

  it('adds all of a step or nothing of it', () => {
    const telemetry = open()
    for (const delta of [{ rows_read: 1, rows_sent: 0.5 }, { rows_read: 1, nonsense: 1 }, { rows_read: Number.NaN }]) {
      expect(() => telemetry.add(delta as CounterDelta)).toThrow(AirlockError)
    }
    expect(telemetry.snapshot()).toMatchObject({ rows_read: 0, version: 0 })
  })

  it('counts policies by their closed name, others together', () => {
    const telemetry = open()
    telemetry.addPolicies({ zero_dates: 2, nul_bytes: 1, rows_read: 5, custom: 3 })
    expect(telemetry.snapshot()).toMatchObject({ zero_dates: 2, nul_bytes: 1, rows_read: 0, policy_other: 8 })
  })

  it('names are unique and in the style of their kind', () => {
    expect(new Set(COUNTERS).size).toBe(COUNTERS.length)
    expect(COUNTERS.filter((name) => !/^[a-z]+(_[a-z0-9]+)*$/.test(name))).toEqual([])
    expect(new Set(EVENT_TYPES).size).toBe(EVENT_TYPES.length)
    expect(EVENT_TYPES.filter((type) => !/^[a-z]+\.[a-z]+(ed|_back)$/.test(type))).toEqual([])
  })
})

describe('events', () => {
  it('T3 the stop event equals the final snapshot, which nothing changes afterwards', async () => {
    const dir = scratch()
    const telemetry = open({ dir })
    for (const i of upTo(50)) {
      telemetry.add({ rows_read: i })
      telemetry.emit('stream.progressed', { i })
    }
    const stopping = telemetry.stop()
    telemetry.add({ rows_read: 1 })
    expect(telemetry.stop()).toBe(stopping)
    const final = await stopping
    telemetry.add({ rows_read: 1 })
    telemetry.emit('run.failed')
    expect(telemetry.snapshot()).toBe(final)
    expect(final.rows_read).toBe(1226)
    const events = readRecords(dir)
    expect(events).toHaveLength(51)
    expect(events.at(-1)).toMatchObject({ type: 'telemetry.stopped' })
    expect(events.at(-1)!.data).toEqual(final)
    expect(final.events_emitted).toBe(51)
  })

  it('creates its directory 0700 and its files 0600, masks, and names the session of the caller', async () => {
    const dir = join(scratch(), 'telemetry')
    const masker = { value: () => ({ masked: true }), text: (text: string) => text.replace('jo', '***') }
    const telemetry = open({ dir, masker, session: () => 'jo-1' })
    telemetry.emit('session.opened', { password: 'hunter2' })
    await telemetry.stop()
    expect(readRecords(dir)[0]).toMatchObject({ session: '***-1', type: 'session.opened', data: { masked: true } })
    expect(statSync(dir).mode & 0o777).toBe(0o700)
    expect(statSync(segmentPaths(dir)[0]!).mode & 0o777).toBe(0o600)
  })

  it('drops the oldest event when the queue is full, counts it, and never waits', async () => {
    const dir = scratch()
    const telemetry = open({ dir, maxQueueEvents: 20 })
    for (const i of upTo(1000)) telemetry.emit('stream.progressed', { i })
    expect(telemetry.snapshot()).toMatchObject({ events_emitted: 1000, events_dropped: 980 })
    const final = await telemetry.stop()
    const events = readRecords(dir)
    expect(events.slice(0, -1).map((event) => event.data)).toEqual(upTo(20).map((i) => ({ i: i + 980 })))
    expect(events.length).toBe(final.events_emitted - final.events_dropped)
  })

  it('a directory that cannot be used loses events, counted, and nothing else', async () => {
    const telemetry = open({ dir: '/dev/null/telemetry', stopTimeoutMs: 500 })
    telemetry.add({ rows_read: 3 })
    telemetry.emit('run.started')
    await telemetry.flush()
    expect(telemetry.snapshot()).toMatchObject({ rows_read: 3, events_dropped: 1 })
    expect(await telemetry.stop()).toMatchObject({ rows_read: 3 })
  })

  it('values that cannot be serialised are named as such', async () => {
    const dir = scratch()
    const telemetry = open({ dir })
    const circular: Record<string, unknown> = {}
    circular['self'] = circular
    telemetry.emit('warning.raised', circular)
    telemetry.emit('warning.raised', { big: 10n ** 20n })
    await telemetry.stop()
    expect(readRecords(dir).map((event) => event.data)).toMatchObject([
      { omitted: 'not_serialisable' },
      { big: '100000000000000000000' },
      {},
    ])
  })
})

describe('the one instance of a process', () => {
  it('T4 50 concurrent initialisations give one object with one id; other settings are an error', async () => {
    const options = { masker: plainMasker }
    expect(() => getTelemetry()).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }))
    const all = await Promise.all(upTo(50).map(async () => getTelemetry(options)))
    expect(new Set(all).size).toBe(1)
    expect(new Set(all.map((telemetry) => telemetry.id)).size).toBe(1)
    expect(getTelemetry()).toBe(all[0])
    expect(() => getTelemetry({ ...options, dir: '/elsewhere' })).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID' }),
    )
    await all[0]!.stop()
    const next = getTelemetry({ ...options, maxQueueEvents: 5 })
    expect(next).not.toBe(all[0])
    await next.stop()
  })

  it('T4 a second copy of the module finds the same instance', async () => {
    const first = getTelemetry({ masker: plainMasker })
    const tsx = createRequire(import.meta.url)('tsx/cjs/api') as {
      require: (id: string, from: string) => { getTelemetry: typeof getTelemetry }
    }
    const second = tsx.require('../../src/sinks/telemetry-container.ts', import.meta.url)
    expect(second.getTelemetry).not.toBe(getTelemetry)
    expect(second.getTelemetry()).toBe(first)
    await first.stop()
  })
})
