import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { Telemetry, type TelemetryOptions } from '../../src/sinks/telemetry.js'
import type { TelemetrySnapshot } from '../../src/sinks/telemetry-counters.js'
import {
  messageOf,
  outputOf,
  plainMasker,
  readRecords,
  scratch,
  segmentPaths,
  startProcess,
  startThread,
  upTo,
} from '../sinks/support.js'

const COUNTER = '../concurrency/count-many.ts'
const EMITTER = '../concurrency/emit-many.ts'

function open(options: Partial<TelemetryOptions> = {}): Telemetry {
  return Telemetry.open({ masker: plainMasker, ...options })
}

function isTorn(snapshot: TelemetrySnapshot): boolean {
  return snapshot.rows_sent !== snapshot.rows_read || snapshot.bytes_read !== 10 * snapshot.rows_read
}

/** Every event of every writer once, in whole lines. */
function expectEvents(dir: string, names: readonly string[], count: number): void {
  const events = readRecords(dir)
  const ids = events.filter((event) => event.type === 'batch.masked').map((event) => (event.data as { id: string }).id)
  expect(ids.toSorted()).toEqual(names.flatMap((name) => upTo(count).map((i) => `${name}-${i}`)).toSorted())
  const finals = events.filter((event) => event.type === 'telemetry.stopped').map((event) => event.data)
  expect(finals).toHaveLength(names.length)
  for (const final of finals) expect(final).toMatchObject({ rows_read: count, events_dropped: 0 })
}

describe('counters', () => {
  it('T5 promises: a thousand interleaved tasks in one loop count exactly', async () => {
    const telemetry = open()
    await Promise.all(
      upTo(1000).map(async (i) => {
        for (const _ of upTo(10)) {
          telemetry.add({ rows_read: 1, rows_sent: 1, bytes_read: 10 })
          await sleep(i % 3)
          expect(isTorn(telemetry.snapshot())).toBe(false)
        }
      }),
    )
    expect(telemetry.snapshot()).toMatchObject({ rows_read: 10_000, bytes_read: 100_000, version: 10_000 })
  })

  // Guard: the two halves of a slab. Broken once by writing into the current half: torn snapshots showed here.
  it('T5 worker threads: four threads × 500,000 exact, no snapshot torn, versions rise', async () => {
    const telemetry = open()
    const slabs = upTo(4).map(() => telemetry.createSlab())
    const threads = slabs.map((slab) => startThread(COUNTER, { slab, steps: 500_000 }))
    const exits = threads.map((thread, i) => once(thread, 'exit').then(() => telemetry.retireSlab(slabs[i]!)))
    const done = Promise.all(exits)
    let running = true
    void done.then(() => {
      running = false
    })
    let torn = 0
    let snapshots = 0
    let version = -1
    while (running) {
      for (const _ of upTo(50)) {
        const snapshot = telemetry.snapshot()
        if (isTorn(snapshot) || snapshot.version < version) torn += 1
        version = snapshot.version
        snapshots += 1
      }
      await sleep(0)
    }
    await done
    expect(torn).toBe(0)
    expect(snapshots).toBeGreaterThan(1000)
    expect(telemetry.snapshot()).toMatchObject({ rows_read: 2_000_000, rows_sent: 2_000_000, bytes_read: 20_000_000 })
  })

  it('T5 a thread that is killed midway keeps its totals, whole to the last step', async () => {
    const telemetry = open()
    for (const round of upTo(3)) {
      const before = telemetry.snapshot().rows_read
      const slab = telemetry.createSlab()
      const thread = startThread(COUNTER, { slab, steps: Number.MAX_SAFE_INTEGER })
      await messageOf(thread)
      await expect.poll(() => telemetry.snapshot().rows_read, { interval: 5 }).toBeGreaterThan(before + 1000)
      await sleep(round)
      await thread.terminate()
      const counted = telemetry.snapshot()
      telemetry.retireSlab(slab)
      expect(telemetry.snapshot()).toEqual(counted)
      expect(isTorn(counted)).toBe(false)
    }
  })
})

describe('event files', () => {
  it('promises: four instances in one loop write whole lines into one directory', async () => {
    const dir = scratch()
    const names = ['a', 'b', 'c', 'd']
    await Promise.all(
      names.map(async (name) => {
        const telemetry = open({ dir, maxSegmentBytes: 20_000 })
        for (const i of upTo(100)) {
          telemetry.add({ rows_read: 1 })
          telemetry.emit('batch.masked', { id: `${name}-${i}` })
          if (i % 10 === 0) await telemetry.flush()
        }
        await telemetry.stop()
      }),
    )
    expect(segmentPaths(dir).length).toBeGreaterThan(1)
    expectEvents(dir, names, 100)
  })

  it('worker threads: four threads write whole lines into one directory', async () => {
    const dir = scratch()
    const names = ['a', 'b', 'c', 'd']
    const threads = names.map((name) => startThread(EMITTER, { dir, name, count: 1000 }))
    await Promise.all(threads.map(messageOf))
    expectEvents(dir, names, 1000)
  })

  it('processes: four processes write whole lines into one directory', async () => {
    const dir = scratch()
    const names = ['a', 'b', 'c', 'd']
    const children = names.map((name) => startProcess(EMITTER, [JSON.stringify({ dir, name, count: 1000 })]))
    await Promise.all(children.map((child) => outputOf(child)))
    expect(segmentPaths(dir).length).toBeGreaterThan(1)
    expectEvents(dir, names, 1000)
  })
})
