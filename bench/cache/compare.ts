/** Cache hits and herds beside lru-cache and async-cache-dedupe, in one run with shuffled rounds:
 * `npx tsx bench/cache/compare.ts [--rounds N]`. Prints medians and ratios. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createCache as createPeer } from 'async-cache-dedupe'
import { LRUCache } from 'lru-cache'
import { createCache } from '../../src/cache/index.js'

const HITS = 300_000
const HERD = 1000
const rounds = Number(process.argv[process.argv.indexOf('--rounds') + 1]) || 5

interface Contender {
  readonly name: string
  start(): Promise<{ get(key: string): Promise<unknown>; loads(): number; end(): Promise<void> }>
}

const load = async (key: string) => {
  await sleep(1)
  return { key }
}

const contenders: readonly Contender[] = [
  ours('db-airlock, memory', () => undefined),
  ours('db-airlock, memory and disk', () => mkdtemp(join(tmpdir(), 'airlock-bench-'))),
  {
    name: 'lru-cache fetch',
    async start() {
      let loads = 0
      const cache = new LRUCache<string, object>({
        max: 1000,
        ttl: 300_000,
        fetchMethod: (key) => {
          loads++
          return load(key)
        },
      })
      return { get: (key) => cache.fetch(key), loads: () => loads, end: async () => cache.clear() }
    },
  },
  {
    name: 'async-cache-dedupe',
    async start() {
      let loads = 0
      const cache = createPeer({ ttl: 300, storage: { type: 'memory', options: { size: 1000 } } }).define(
        'value',
        async (key: string) => {
          loads++
          return await load(key)
        },
      ) as unknown as { value(key: string): Promise<unknown> }
      return { get: (key) => cache.value(key), loads: () => loads, end: async () => undefined }
    },
  },
]

function ours(name: string, dirOf: () => Promise<string> | undefined): Contender {
  return {
    name,
    async start() {
      const dir = await dirOf()
      const cache = await createCache(dir === undefined ? {} : { dir })
      return {
        get: (key) => cache.get(['bench', key], () => load(key)),
        loads: () => cache.stats().loads,
        async end() {
          await cache.close()
          if (dir !== undefined) await rm(dir, { recursive: true })
        },
      }
    },
  }
}

/** Nanoseconds of one awaited hit, and the loads of a herd of a thousand. */
async function measure(contender: Contender): Promise<{ readonly hitNs: number; readonly herdLoads: number }> {
  const running = await contender.start()
  await Promise.all(Array.from({ length: HERD }, () => running.get('herd')))
  const herdLoads = running.loads()
  for (let i = 0; i < HITS / 10; i++) await running.get('herd')
  const started = process.hrtime.bigint()
  for (let i = 0; i < HITS; i++) await running.get('herd')
  const hitNs = Number(process.hrtime.bigint() - started) / HITS
  await running.end()
  return { hitNs, herdLoads }
}

const measured = new Map<string, { hitNs: number; herdLoads: number }[]>()
for (let round = 0; round < rounds; round++) {
  const order = contenders.toSorted(() => Math.random() - 0.5)
  for (const contender of order) {
    const results = measured.get(contender.name) ?? []
    measured.set(contender.name, [...results, await measure(contender)])
  }
}
const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!
const hitOf = (name: string) => median(measured.get(name)!.map(({ hitNs }) => hitNs))
process.stdout.write(`one awaited hit, median of ${rounds} shuffled rounds of ${HITS}\n`)
for (const { name } of contenders) {
  const herd = Math.max(...measured.get(name)!.map(({ herdLoads }) => herdLoads))
  const ratios = ['lru-cache fetch', 'async-cache-dedupe'].map(
    (peer) => `${(hitOf(name) / hitOf(peer)).toFixed(2)}x ${peer}`,
  )
  process.stdout.write(
    `${name.padEnd(30)} ${hitOf(name).toFixed(0).padStart(6)} ns  ${ratios.join(', ')}; herd of ${HERD}: ${herd} load(s)\n`,
  )
}
