import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { byteSize } from '../../src/cli/byte-size.js'
import { LoopDelay } from '../../src/run/loop-delay.js'
import { MemoryWatch } from '../../src/run/memory-watch.js'
import type { Engine } from '../../src/testing/index.js'
import { describeWith } from '../setup/engines.js'
import { type TwoEnds, twoEnds } from './two-ends.js'

const MIB = 1024 * 1024

describe('the memory of a run', () => {
  it('is watched as long as there is a limit', async () => {
    let used = 10
    using watch = new MemoryWatch(20, () => used)
    await sleep(250)
    expect(watch.signal.aborted).toBe(false)
    used = 21
    await expect.poll(() => watch.signal.aborted, { timeout: 5_000 }).toBe(true)
    expect(watch.signal.reason).toMatchObject({ code: 'MEMORY_LIMIT', exitCode: 5 })
  })

  it('may be as much as it likes without one', async () => {
    using watch = new MemoryWatch(undefined, () => Number.MAX_SAFE_INTEGER)
    await sleep(250)
    expect(watch.signal.aborted).toBe(false)
  })

  it.each([
    ['512M', 512 * MIB],
    ['512', 512 * MIB],
    ['2G', 2048 * MIB],
    ['1GiB', 1024 * MIB],
  ])('is limited to %s', (text, bytes) => {
    expect(byteSize('--max-memory', text, 128)).toBe(bytes)
  })

  it.each(['', '0', '-1', '64M', '1T', '1.5G', '512 M', '99999999G'])('is not limited to %j', (text) => {
    expect(() => byteSize('--max-memory', text, 128)).toThrow(expect.objectContaining({ code: 'USAGE' }))
  })

  it('leaves timers their time: how late they were is measured', async () => {
    using loop = new LoopDelay()
    await sleep(50)
    const until = performance.now() + 200
    while (performance.now() < until);
    await sleep(50)
    expect(loop.read().max).toBeGreaterThan(100)
  })
})

// Guard: the signal of the watch among those of the run. Left out once: the run arrived, status ok.
describeWith(['mysql', 'postgres'], 'a run that takes too much memory', (engines: Record<string, Engine>) => {
  let ends: TwoEnds
  beforeAll(async () => {
    ends = await twoEnds(engines['mysql']!, engines['postgres']!)
    await ends.configure({})
    await ends.source.exec('CREATE TABLE orders (id BIGINT PRIMARY KEY, note VARCHAR(1000))')
    for (let at = 0; at < 40_000; at += 2000) {
      const rows = Array.from({ length: 2000 }, (_, i) => `(${at + i}, REPEAT('n', 900))`)
      await ends.source.exec(`INSERT INTO orders VALUES ${rows.join(', ')}`)
    }
    await ends.target.exec(
      'CREATE TABLE orders (id BIGINT PRIMARY KEY, note VARCHAR(1000)); INSERT INTO orders VALUES (-1)',
    )
  })
  afterAll(() => ends?.[Symbol.asyncDispose]())

  it('fails, and leaves the target as it was', async () => {
    // Whatever this process has already is too much.
    const report = await ends.run({ orders: { mode: 'replace' } }, { maxMemoryBytes: 10 * MIB })
    expect(report).toMatchObject({ status: 'failed', exit_code: 5, max_memory_bytes: 10 * MIB })
    expect(report.streams[0]!.error).toMatchObject({ code: 'MEMORY_LIMIT' })
    expect(report.peak_rss_bytes).toBeGreaterThan(10 * MIB)
    expect(await ends.target.rows('SELECT id FROM orders')).toEqual([['-1']])
    const again = await ends.move({ mode: 'replace' })
    expect(again.rows_written).toBe(40_000)
  })
})
