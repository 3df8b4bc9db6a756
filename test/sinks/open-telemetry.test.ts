import { describe, expect, it } from 'vitest'
import { bridgeToOpenTelemetry, type MeterPort } from '../../src/sinks/open-telemetry.js'
import { Telemetry } from '../../src/sinks/telemetry.js'
import { COUNTERS, type TelemetrySnapshot } from '../../src/sinks/telemetry-counters.js'
import { plainMasker, upTo } from './support.js'

/** The parts of `@opentelemetry/sdk-metrics` that the test uses; the package is a development dependency of choice. */
interface Sdk {
  readonly MeterProvider: new (options: {
    readers: unknown[]
  }) => {
    getMeter(name: string): MeterPort<unknown>
    shutdown(): Promise<void>
  }
  readonly PeriodicExportingMetricReader: new (options: object) => { collect(): Promise<Collected> }
  readonly InMemoryMetricExporter: new (temporality: number) => object
}

interface Collected {
  readonly errors: readonly unknown[]
  readonly resourceMetrics: {
    readonly scopeMetrics: readonly {
      readonly metrics: readonly {
        readonly descriptor: { readonly name: string; readonly unit: string }
        readonly dataPoints: readonly { readonly value: number; readonly attributes: object }[]
      }[]
    }[]
  }
}

const SDK = '@opentelemetry/sdk-metrics'
const sdk: Sdk | undefined = await import(SDK).catch(() => undefined)

describe('OpenTelemetry bridge', () => {
  it.runIf(sdk !== undefined)(
    'T6 what the SDK collects equals a snapshot, in every collection under load',
    async () => {
      const exporter = new sdk!.InMemoryMetricExporter(1)
      const reader = new sdk!.PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 })
      const provider = new sdk!.MeterProvider({ readers: [reader] })
      const telemetry = Telemetry.open({ masker: plainMasker })
      const end = bridgeToOpenTelemetry(provider.getMeter('test'), telemetry)
      const collect = async (): Promise<Map<string, number>> => {
        const { resourceMetrics, errors } = await reader.collect()
        expect(errors).toEqual([])
        const metrics = resourceMetrics.scopeMetrics.flatMap((scope) => scope.metrics)
        for (const { dataPoints } of metrics) expect(dataPoints.map((point) => point.attributes)).toEqual([{}])
        return new Map(metrics.map(({ descriptor, dataPoints }) => [descriptor.name, dataPoints[0]!.value]))
      }
      for (const i of upTo(20)) {
        const collecting = collect()
        telemetry.add({ rows_read: 3, rows_written: 2, rows_rejected: 1, write_us: i })
        const collected = await collecting
        const sum = collected.get('airlock.rows_written')! + collected.get('airlock.rows_rejected')!
        expect(collected.get('airlock.rows_read')).toBe(sum)
      }
      const snapshot = telemetry.snapshot()
      const expected = COUNTERS.map((name): [string, number] => [`airlock.${name}`, snapshot[name]])
      expect(await collect()).toEqual(new Map(expected))
      end()
      telemetry.add({ rows_read: 100 })
      expect(await collect()).toEqual(new Map(expected))
      await provider.shutdown()
    },
  )

  it('asks for one snapshot per collection and observes every counter of it', () => {
    let snapshots = 0
    const telemetry = Telemetry.open({ masker: plainMasker })
    telemetry.add({ bytes_read: 7, run_us: 9 })
    const source = {
      snapshot(): TelemetrySnapshot {
        snapshots += 1
        return telemetry.snapshot()
      },
    }
    const units = new Map<string, string | undefined>()
    const callbacks = new Set<(result: { observe(name: string, value: number): void }) => void>()
    const meter: MeterPort<string> = {
      createObservableCounter: (name, options) => {
        units.set(name, options?.unit)
        return name
      },
      addBatchObservableCallback: (callback) => callbacks.add(callback),
      removeBatchObservableCallback: (callback) => callbacks.delete(callback),
    }
    const end = bridgeToOpenTelemetry(meter, source)
    const observed = new Map<string, number>()
    for (const callback of callbacks) callback({ observe: (name, value) => observed.set(name, value) })
    expect(snapshots).toBe(1)
    expect(observed.size).toBe(COUNTERS.length)
    expect([observed.get('airlock.bytes_read'), observed.get('airlock.run_us')]).toEqual([7, 9])
    expect([units.get('airlock.bytes_read'), units.get('airlock.run_us'), units.get('airlock.batches')]).toEqual([
      'By',
      'us',
      '1',
    ])
    end()
    expect(callbacks.size).toBe(0)
  })
})
