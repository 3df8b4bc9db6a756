import type { MeterPort, ObservableResultPort } from '../sinks/open-telemetry.js'
import { CACHE_COUNTERS, type CacheCounts, type CacheStats } from './cache-metrics.js'

/** What is exported: anything that tells its counts. */
interface Observed {
  stats(): CacheStats
}

/** Exports the counts of caches as `airlock.cache.<name>.<count>` through one batch callback, so that the values of one
 * collection belong together. Names of caches are the application's own, a closed set: never a key, a host or a session.
 * Returns the function that ends the export. Which values should raise an alarm is in docs/shared-state.md. */
export function bridgeCachesToOpenTelemetry<I>(
  meter: MeterPort<I>,
  caches: Readonly<Record<string, Observed>>,
): () => void {
  const instruments: { readonly cache: Observed; readonly count: keyof CacheCounts; readonly instrument: I }[] = []
  for (const [name, cache] of Object.entries(caches)) {
    for (const count of CACHE_COUNTERS) {
      const unit = count === 'lockWaitMicros' ? 'us' : '1'
      const instrument = meter.createObservableCounter(`airlock.cache.${name}.${snake(count)}`, { unit })
      instruments.push({ cache, count, instrument })
    }
  }
  const all = instruments.map(({ instrument }) => instrument)
  const callback = (result: ObservableResultPort<I>): void => {
    const snapshots = new Map(Object.values(caches).map((cache) => [cache, cache.stats()]))
    for (const { cache, count, instrument } of instruments) result.observe(instrument, snapshots.get(cache)![count])
  }
  meter.addBatchObservableCallback(callback, all)
  return () => meter.removeBatchObservableCallback(callback, all)
}

function snake(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}
