import type { Masker } from '../../masking/index.js'
import { type CounterDelta, type EventType, Telemetry } from '../../sinks/index.js'

/** What an event may carry to another machine. */
export type FlatData = Readonly<Record<string, string | number | boolean | null>>

/** Telemetry of a job: counters that its result carries home, and events that are forwarded as they happen. */
export class JobTelemetry {
  readonly #counters: Telemetry
  readonly #masker: Pick<Masker, 'value' | 'text'>
  readonly #forward: (name: EventType, data: FlatData) => void

  constructor(masker: Pick<Masker, 'value' | 'text'>, forward: (name: EventType, data: FlatData) => void) {
    this.#counters = Telemetry.open({ masker })
    this.#masker = masker
    this.#forward = forward
  }

  add(delta: CounterDelta): void {
    this.#counters.add(delta)
  }

  addPolicies(counts: Readonly<Record<string, number>>): void {
    this.#counters.addPolicies(counts)
  }

  emit(type: EventType, data: unknown = null): void {
    this.#forward(type, flat(this.#masker.value(data)))
  }

  /** What was counted, without the counters that are zero. */
  counters(): Readonly<Record<string, number>> {
    const { version: _, ...counters } = this.#counters.snapshot()
    return Object.fromEntries(Object.entries(counters).filter(([, count]) => count !== 0))
  }
}

/** One level of plain values; anything deeper becomes its JSON. */
function flat(data: unknown): FlatData {
  if (typeof data !== 'object' || data === null) return {}
  const plain = (value: unknown) =>
    value === null || ['string', 'number', 'boolean'].includes(typeof value)
      ? (value as string | number | boolean | null)
      : JSON.stringify(value)
  return Object.fromEntries(
    Object.entries(data).flatMap(([name, value]) => (value === undefined ? [] : [[name, plain(value)]])),
  )
}
