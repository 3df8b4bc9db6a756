import type { Telemetry } from './telemetry.js'
import { COUNTERS, type CounterName } from './telemetry-counters.js'

/** Where a batch callback reports to. */
export interface ObservableResultPort<I> {
  observe(instrument: I, value: number): void
}

/** The part of an `@opentelemetry/api` Meter that the bridge uses; a Meter of any SDK fits. */
export interface MeterPort<I> {
  createObservableCounter(name: string, options?: { readonly description?: string; readonly unit?: string }): I
  addBatchObservableCallback(callback: (result: ObservableResultPort<I>) => void, instruments: I[]): void
  removeBatchObservableCallback(callback: (result: ObservableResultPort<I>) => void, instruments: I[]): void
}

const PREFIX = 'airlock.'

/** Exports every counter as `airlock.<name>` through one batch callback over one snapshot, so that the values of one
 * collection belong together and counting costs what it costs without export. No attributes: never a session, a host or
 * SQL. Returns the function that ends the export. */
export function bridgeToOpenTelemetry<I>(meter: MeterPort<I>, telemetry: Pick<Telemetry, 'snapshot'>): () => void {
  const instruments = new Map<CounterName, I>()
  for (const name of COUNTERS)
    instruments.set(name, meter.createObservableCounter(PREFIX + name, { unit: unitOf(name) }))
  const all = [...instruments.values()]
  const callback = (result: ObservableResultPort<I>): void => {
    const snapshot = telemetry.snapshot()
    for (const [name, instrument] of instruments) result.observe(instrument, snapshot[name])
  }
  meter.addBatchObservableCallback(callback, all)
  return () => meter.removeBatchObservableCallback(callback, all)
}

/** Units in the notation of UCUM, as OpenTelemetry's conventions ask for. */
function unitOf(name: CounterName): string {
  if (name.endsWith('_us')) return 'us'
  return name.startsWith('bytes_') ? 'By' : '1'
}
