/** Verification speed and memory, event-loop delay under durable load, and the cost of counting:
 * `npx tsx bench/sinks/reading.ts`. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { AuditLog, bridgeToOpenTelemetry, type MeterPort, Telemetry } from '../../src/sinks/index.js'
import { audit } from './contenders.js'
import { benchEvent, median, peer, report, throughput } from './harness.js'

const masker = { value: (v: unknown) => v, text: (s: string) => s }
const RECORDS = Number(process.env['AIRLOCK_BENCH_RECORDS'] ?? 500_000)
const dir = mkdtempSync(join(process.env['AIRLOCK_BENCH_DIR'] ?? tmpdir(), 'airlock-bench-'))
try {
  const log = await AuditLog.open({ dir, masker, durability: 'none', reserveBytes: 0 })
  for (let i = 0; i < RECORDS; i += 1000) {
    await Promise.all(Array.from({ length: 1000 }, (_, j) => log.append(benchEvent(i + j))))
  }
  await log.close()
  const before = process.memoryUsage().rss
  let peak = before
  const watch = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage().rss)
  }, 5)
  const started = performance.now()
  const verification = await AuditLog.verify(dir)
  const rate = (verification.records / (performance.now() - started)) * 1000
  clearInterval(watch)
  if (!verification.ok) throw new Error('the log does not verify')
  const written = await throughput(audit('audit durable', { durability: 'batch' }), 60_000, 256)
  process.stdout.write(
    `     verify ${Math.round(rate)} records/s, +${((peak - before) / 2 ** 20).toFixed(0)} MiB; durable write ${Math.round(written)}/s\n`,
  )
  report('verify vs durable write rate', rate / written, 5)
  report('memory of verify, MiB', (peak - before) / 2 ** 20, 64, true)
} finally {
  rmSync(dir, { recursive: true, force: true })
}
await eventLoopDelay()
await counting()

/** 20,000 durable events per second, in slices of 5 ms. */
async function eventLoopDelay(): Promise<void> {
  const own = mkdtempSync(join(process.env['AIRLOCK_BENCH_DIR'] ?? tmpdir(), 'airlock-bench-'))
  const log = await AuditLog.open({ dir: own, masker, reserveBytes: 0 })
  const histogram = monitorEventLoopDelay({ resolution: 1 })
  const until = performance.now() + 3000
  const appends: Promise<unknown>[] = []
  histogram.enable()
  while (performance.now() < until) {
    for (let i = 0; i < 100; i += 1) appends.push(log.append(benchEvent(i)))
    await sleep(5)
  }
  histogram.disable()
  await Promise.all(appends)
  await log.close()
  rmSync(own, { recursive: true, force: true })
  report('event-loop delay p99 at 20k durable events/s, ms', histogram.percentile(99) / 1e6, 5, true)
}

interface Api {
  readonly MeterProvider: new (options?: {
    readers: unknown[]
  }) => {
    getMeter(name: string): MeterPort<unknown> & {
      createCounter(name: string): { add(value: number, attributes: object): void }
    }
  }
  readonly PeriodicExportingMetricReader: new (options: object) => unknown
  readonly InMemoryMetricExporter: new (temporality: number) => unknown
}

async function counting(): Promise<void> {
  const telemetry = Telemetry.open({ masker })
  const own = nanoseconds(() => telemetry.add({ rows_read: 1, bytes_read: 230 }))
  process.stdout.write(`     telemetry.add of two counters ${own.toFixed(0)} ns\n`)
  const sdk = (await peer('@opentelemetry/sdk-metrics')) as Api | undefined
  if (sdk === undefined) return
  const exporter = new sdk.InMemoryMetricExporter(1)
  const reader = new sdk.PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 })
  const meter = new sdk.MeterProvider({ readers: [reader] }).getMeter('bench')
  bridgeToOpenTelemetry(meter, telemetry)
  const counter = meter.createCounter('bench')
  const theirs = nanoseconds(() => counter.add(1, { driver: 'mysql', outcome: 'ok' }))
  process.stdout.write(`     OpenTelemetry counter.add with two attributes ${theirs.toFixed(0)} ns\n`)
  report('telemetry.add vs OpenTelemetry counter.add', own / theirs, 0.25, true)
}

/** Median of ten rounds after one that warms up. */
function nanoseconds(step: () => void): number {
  const rounds: number[] = []
  for (let round = 0; round <= 10; round += 1) {
    const started = performance.now()
    for (let i = 0; i < 200_000; i += 1) step()
    if (round > 0) rounds.push(((performance.now() - started) * 1e6) / 200_000)
  }
  return median(rounds)
}
