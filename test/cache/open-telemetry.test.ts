import { InMemoryMetricExporter, MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics'
import { expect, it } from 'vitest'
import { bridgeCachesToOpenTelemetry, createCache } from '../../src/cache/index.js'
import { upTo } from '../sinks/support.js'

it('what the SDK collects of two caches holds their identities in every collection, and ends with the export', async () => {
  const exporter = new InMemoryMetricExporter(1)
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 })
  const provider = new MeterProvider({ readers: [reader] })
  const [schemas, pages] = [await createCache(), await createCache()]
  const end = bridgeCachesToOpenTelemetry(provider.getMeter('test'), { schemas, pages })
  const collect = async () => {
    const { resourceMetrics, errors } = await reader.collect()
    expect(errors).toEqual([])
    const metrics = resourceMetrics.scopeMetrics.flatMap((scope) => scope.metrics)
    for (const { dataPoints } of metrics) expect(dataPoints.map(({ attributes }) => attributes)).toEqual([{}])
    return new Map(metrics.map(({ descriptor, dataPoints }) => [descriptor.name, Number(dataPoints[0]!.value)]))
  }
  for (const i of upTo(20)) {
    const collecting = collect()
    const gets = upTo(10).map((j) => schemas.get([(i * j) % 7], async () => j))
    const collected = await collecting
    const of = (name: string) => collected.get(`airlock.cache.schemas.${name}`)!
    expect(of('calls')).toBe(of('hits') + of('disk_hits') + of('misses') + of('coalesced'))
    await Promise.all(gets)
  }
  const collected = await collect()
  expect(collected.get('airlock.cache.schemas.calls')).toBe(200)
  expect(collected.get('airlock.cache.schemas.loads')).toBe(schemas.stats().loads)
  expect(collected.get('airlock.cache.pages.calls')).toBe(0)
  end()
  await schemas.get(['more'], async () => 1)
  expect((await collect()).get('airlock.cache.schemas.calls') ?? 200).toBe(200)
  await provider.shutdown()
})
