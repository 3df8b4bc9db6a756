import { AirlockError } from '../errors/index.js'
import { COUNTERS, type CounterDelta, type CounterName } from './telemetry-counters.js'

const HEADER_BYTES = 8
const HALF = COUNTERS.length
const INDEX: Readonly<Record<CounterName, number>> = Object.fromEntries(COUNTERS.map((name, i) => [name, i])) as Record<
  CounterName,
  number
>

interface SlabView {
  readonly version: Int32Array
  readonly values: Float64Array
}

/** Shared memory for the counters of one worker thread: a version word and two halves. The thread writes the half that
 * is not current and then turns the version, so the current half is whole at every moment, also when the thread is
 * terminated in the middle of an update. */
export function createSlab(): SharedArrayBuffer {
  return new SharedArrayBuffer(HEADER_BYTES + 2 * HALF * Float64Array.BYTES_PER_ELEMENT)
}

/** The writing side, for the one thread that owns the slab. */
export class SlabCounters {
  readonly #view: SlabView

  constructor(slab: SharedArrayBuffer) {
    this.#view = viewOf(slab)
  }

  /** Adds integer amounts, all of them or none. Throws INTERNAL for an unknown counter or an amount that is no integer. */
  add(delta: CounterDelta): void {
    const { version, values } = this.#view
    const names = Object.keys(delta) as CounterName[]
    for (const name of names) checkAmount(INDEX[name], delta[name])
    const current = version[0]!
    const from = (current & 1) * HALF
    const to = HALF - from
    values.copyWithin(to, from, from + HALF)
    for (const name of names) values[to + INDEX[name]]! += delta[name]!
    Atomics.store(version, 0, (current + 1) | 0)
  }
}

/** The reading side: a copy of all counters of a slab that is never torn. */
export function readSlab(slab: SharedArrayBuffer): { readonly version: number; readonly values: Float64Array } {
  const { version, values } = viewOf(slab)
  for (;;) {
    const before = Atomics.load(version, 0)
    const start = (before & 1) * HALF
    const copy = values.slice(start, start + HALF)
    // The writer has turned meanwhile, so it may already be overwriting the half that was copied.
    if (Atomics.load(version, 0) === before) return { version: before >>> 0, values: copy }
  }
}

/** Throws INTERNAL unless the counter is known and the amount is an integer that can be counted exactly. */
export function checkAmount(known: unknown, amount: number | undefined): void {
  if (known === undefined || !Number.isSafeInteger(amount)) throw new AirlockError('INTERNAL', { phase: 'run' })
}

function viewOf(slab: SharedArrayBuffer): SlabView {
  return { version: new Int32Array(slab, 0, 1), values: new Float64Array(slab, HEADER_BYTES, 2 * HALF) }
}
