import { COUNTERS, type CounterDelta, type CounterName } from '../sinks/index.js'

/** Those of the counters that telemetry knows: who sends them is not trusted. */
export function knownCounters(counters: Readonly<Record<string, number>>): CounterDelta {
  const known = Object.entries(counters).filter(
    ([name, value]) => isCounter(name) && Number.isSafeInteger(value) && value >= 0,
  )
  return Object.fromEntries(known)
}

function isCounter(name: string): name is CounterName {
  return (COUNTERS as readonly string[]).includes(name)
}
