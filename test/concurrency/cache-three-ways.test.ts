import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { type CacheStats, createCache } from '../../src/cache/index.js'
import { messageOf, outputOf, scratch, startProcess, startThread, upTo } from '../sinks/support.js'

const LOADER = '../concurrency/load-many.ts'
const WATCHER = '../concurrency/watch-value.ts'
const CRASHER = '../concurrency/crash-at-step.ts'
const CALLERS = 4
const KEYS = 10

interface Report {
  readonly seen: readonly (readonly [key: number, value: string])[]
  readonly stats: CacheStats
}

/** One load per key, one value per key, whoever asked. */
function expectOneLoadEach(dir: string, reports: readonly Report[], calls: number): void {
  const loads = readFileSync(`${dir}/loads`, 'utf8').trim().split('\n')
  expect(loads.toSorted()).toEqual(upTo(KEYS).map(String).toSorted())
  for (const key of upTo(KEYS)) {
    const values = reports.flatMap(({ seen }) => seen.filter(([k]) => k === key).map(([, value]) => value))
    expect(values).toHaveLength((reports.length * calls) / KEYS)
    expect(new Set(values).size).toBe(1)
  }
  const total = (name: keyof CacheStats) => reports.reduce((sum, { stats }) => sum + stats[name], 0)
  expect(total('loads')).toBe(KEYS)
  expect(total('duplicateLoads')).toBe(0)
  expect(total('lockTimeouts')).toBe(0)
  expect(total('calls')).toBe(total('hits') + total('diskHits') + total('misses') + total('coalesced'))
}

describe('C1 one load per key', () => {
  it('promises: four instances in one loop', async () => {
    const dir = scratch()
    let loads = 0
    const caches = await Promise.all(upTo(CALLERS).map(() => createCache({ dir })))
    const values = await Promise.all(
      upTo(1000).map((i) =>
        caches[i % CALLERS]!.get(['k', i % KEYS], async () => {
          await sleep(10)
          return ++loads
        }),
      ),
    )
    expect(loads).toBe(KEYS)
    expect(new Set(values.map(({ value }) => value)).size).toBe(KEYS)
    await Promise.all(caches.map((cache) => cache.close()))
  })

  it('worker threads: four on one directory', async () => {
    const dir = scratch()
    const threads = upTo(CALLERS).map((i) =>
      startThread(LOADER, { dir, name: `t${i}`, calls: 200, keys: KEYS, callers: CALLERS }),
    )
    expectOneLoadEach(dir, (await Promise.all(threads.map(messageOf))) as Report[], 200)
  })

  // Guard: the lock between processes, and the look at the disk under it. Broken once without the lock: 40 loads; once
  // without the look: 40 loads.
  it('processes: four on one directory', async () => {
    const dir = scratch()
    const jobs = upTo(CALLERS).map((i) => ({ dir, name: `p${i}`, calls: 200, keys: KEYS, callers: CALLERS }))
    const outputs = await Promise.all(jobs.map((job) => outputOf(startProcess(LOADER, [JSON.stringify(job)]))))
    expectOneLoadEach(
      dir,
      outputs.map((output) => JSON.parse(output) as Report),
      200,
    )
  })
})

describe('STATE-006 an acknowledged invalidation', () => {
  // Guards: the epoch that memory compares, and the wait before the acknowledgement. Broken once without the comparison:
  // watchers served the first value for ever; once without the wait: values older than the acknowledgement were seen.
  it('processes: no watcher serves an older value once it was acknowledged', async () => {
    const dir = scratch()
    writeFileSync(`${dir}/truth`, '0')
    const watchers = upTo(3).map((i) => startProcess(WATCHER, [dir, String(i), '12']))
    const outputs = Promise.all(watchers.map((child) => outputOf(child)))
    while (!upTo(3).every((i) => existsSync(`${dir}/ready-${i}`))) await sleep(5)
    const cache = await createCache({ dir: `${dir}/cache` })
    const acknowledged: number[] = []
    for (const version of upTo(12).map((i) => i + 1)) {
      writeFileSync(`${dir}/truth`, String(version))
      await cache.invalidate(['k'])
      acknowledged[version] = performance.timeOrigin + performance.now()
      await sleep(30)
    }
    await cache.close()
    for (const output of await outputs) {
      const { seen, duplicateLoads, hits } = JSON.parse(output) as {
        seen: [number, number][]
        duplicateLoads: number
        hits: number
      }
      expect(duplicateLoads).toBe(0)
      expect(hits).toBeGreaterThan(100)
      expect(seen.at(-1)![1]).toBe(12)
      // Each value with the last time at which it was asked for: its successor was not acknowledged by then. The clocks of
      // two processes may be a millisecond apart.
      for (const [askedAt, value] of seen) {
        if (value < 12) expect(askedAt).toBeLessThan(acknowledged[value + 1]! + 1)
      }
    }
  }, 60_000)

  it('C7 a crash at any step: never stale after the acknowledgement, never a damaged value', async () => {
    const whole = await outputOf(startProcess(CRASHER, [scratch(), '0']))
    const steps = Number(/steps (\d+)/.exec(whole)![1])
    expect(steps).toBeGreaterThan(20)
    for (let from = 0; from < steps; from += 4) {
      await Promise.all(
        upTo(Math.min(4, steps - from)).map(async (i) => {
          const dir = scratch()
          const said = await outputOf(startProcess(CRASHER, [dir, String(from + i + 1)]), 'SIGKILL')
          expect(said).not.toContain('steps')
          const cache = await createCache({ dir })
          const { value } = await cache.get(['k'], async () => 'loaded')
          const allowed = said.includes('replaced')
            ? ['new']
            : said.includes('invalidated')
              ? ['new', 'loaded']
              : ['old', 'loaded']
          expect(allowed).toContain(value)
          expect(cache.stats().corrupt).toBe(0)
          await cache.close()
        }),
      )
    }
  }, 120_000)
})
