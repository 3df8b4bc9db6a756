import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import type { E2BFault, E2BPoint } from '../../src/testing/index.js'
import { describeWith } from '../setup/engines.js'
import { FaultBench } from './fault-bench.js'

const RUNS = Number(process.env['AIRLOCK_REMOTE_RUNS'] ?? 15)
const SEED = Number(process.env['AIRLOCK_REMOTE_SEED'] ?? 1)
const BATCH = 5

/** Everything that can happen, once or twice; nothing that takes longer than the answer to it. */
const KINDS: readonly (readonly [E2BPoint, string])[] = [
  ...['rate-limited', 'rate-limited-bare', 'busy', 'server-error', 'reset', 'reply-lost'].map(
    (kind) => ['create', kind] as const,
  ),
  ...['server-error', 'reset'].map((kind) => ['list', kind] as const),
  ...['server-error', 'reply-lost', 'reset', 'not-found'].map((kind) => ['kill', kind] as const),
  ...['bad-gateway', 'reset'].map((kind) => ['health', kind] as const),
  ...['server-error', 'reset'].map((kind) => ['network', kind] as const),
  ...['no-space', 'reset', 'reply-lost', 'short-write', 'server-error', 'bad-gateway'].map(
    (kind) => ['upload', kind] as const,
  ),
  ...['server-error', 'reset'].map((kind) => ['stat', kind] as const),
  ...['server-error', 'reset', 'reply-lost'].map((kind) => ['start', kind] as const),
  ...['refused', 'reply-lost', 'server-error'].map((kind) => ['stdin', kind] as const),
  ...['server-error', 'reset'].map((kind) => ['reattach', kind] as const),
  ...['noise', 'drop-chunk', 'repeat-chunk', 'no-end', 'cut', 'process-killed', 'exit', 'sandbox-killed'].map(
    (kind) => ['stream', kind] as const,
  ),
  ...[
    'not-found',
    'server-error',
    'bad-gateway',
    'short',
    'bit-flip',
    'garbage',
    'oversize',
    'reset-in-body',
    'fin-early',
    'reset',
  ].map((kind) => ['download', kind] as const),
  ...['omit', 'add-traversal', 'add-symlink', 'server-error'].map((kind) => ['listDir', kind] as const),
]

/** These change nothing that anybody could tell: a frame that comes twice is one frame, and health is asked for until it
 * is there. A file of events is damaged only where somebody reads it. */
const SILENT: ReadonlySet<string> = new Set(['stream repeat-chunk', 'health bad-gateway', 'health reset'])

/** Mulberry32: the same composition for the same seed. */
function randomOf(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

function compose(seed: number): readonly E2BFault[] {
  const random = randomOf(seed * 7919)
  const below = (most: number) => Math.floor(random() * most)
  return Array.from({ length: 2 + below(2) }, () => {
    const [at, kind] = KINDS[below(KINDS.length)]!
    const times = 1 + below(2)
    const skip = below(4) === 0 ? 1 : 0
    const place = at === 'stream' ? { after: below(1200) } : {}
    return { at, kind, times, skip, ...place } as E2BFault
  })
}

describeWith(['mysql', 'postgres'], 'faults at random', (engines) => {
  let bench: FaultBench
  beforeAll(async () => {
    bench = await FaultBench.create(engines.mysql, engines.postgres, 60)
  })
  afterAll(() => bench?.[Symbol.asyncDispose]())
  beforeEach(() => bench.reset())

  const seeds = Array.from({ length: RUNS }, (_, index) => SEED + index)
  const batches = Array.from({ length: Math.ceil(RUNS / BATCH) }, (_, at) => seeds.slice(at * BATCH, (at + 1) * BATCH))
  it.each(batches.map((batch) => [batch]))(
    'never end well with a wrong byte, nor without a word: %j',
    { timeout: 180_000 },
    async (batch) => {
      for (const seed of batch) {
        await bench.reset()
        const faults = compose(seed)
        const told = `seed ${seed}: ${JSON.stringify(faults)}`
        const run = await bench.run(faults, { leaves: true })
        await bench.expectAllOrNothing(run)
        // A sandbox that could not be killed is on record, and ends with its time.
        const left = bench.remote.server.sandboxes()
        for (const { id } of left) {
          expect(
            run.told.some(
              ({ event, sandbox }) =>
                (event === 'sandbox.kill_failed' && sandbox === id) || event === 'sandbox.orphan_check_failed',
            ),
            told,
          ).toBe(true)
          await bench.remote.server.expireSandbox(id)
        }
        await bench.remote.expectNothingLeft()
        const fired = run.faults.filter(({ fault, hits }) => hits > 0 && !SILENT.has(`${fault.at} ${fault.kind}`))
        if (fired.length > 0) expect(run.beyond, told).not.toEqual([])
        process.stderr.write(
          process.env['AIRLOCK_REMOTE_RUNS'] === undefined
            ? ''
            : `@@ ${seed} ${run.report.status} ${run.faults.map(({ hits }) => hits).join()}\n`,
        )
      }
    },
  )
})
