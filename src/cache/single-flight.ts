/** Runs a load once per key, however many callers ask for it at the same time; different keys never wait for each other.
 * Nothing is kept: the next caller after the load loads again, and so does the next one after a failed load. */
export class SingleFlight<T> {
  #flights = new Map<string, Flight<T>>()

  /** Loads under way. */
  get size(): number {
    return this.#flights.size
  }

  /** Whether a call for this key would join a load. */
  isLoading(key: string): boolean {
    return this.#flights.has(key)
  }

  /** Joins the load of the key or starts it. The caller's signal detaches this caller only; the load's own signal aborts
   * when the last caller has left. Rejects with what the load rejected with, or with the reason of the signal. */
  run(key: string, load: (signal: AbortSignal) => Promise<T>, signal?: AbortSignal): Promise<T> {
    if (signal?.aborted) return Promise.reject(signal.reason)
    const flight = this.#flights.get(key) ?? this.#start(key, load)
    return flight.join(signal)
  }

  /** Lets later callers start a load of their own; those that wait for the old one get its result. */
  forget(key: string): void {
    this.#flights.delete(key)
  }

  /** Resolves when every load that is under way now has ended, however it did. */
  async settled(): Promise<void> {
    await Promise.all([...this.#flights.values()].map((flight) => flight.ended))
  }

  /** Set before the first await, so that a second caller of the same turn finds it. */
  #start(key: string, load: (signal: AbortSignal) => Promise<T>): Flight<T> {
    const flight = new Flight(load, () => {
      if (this.#flights.get(key) === flight) this.#flights.delete(key)
    })
    this.#flights.set(key, flight)
    return flight
  }
}

/** One load and those who wait for it. */
class Flight<T> {
  /** Resolves when the load has ended, however it did. */
  readonly ended: Promise<void>
  #result: Promise<T>
  #abort = new AbortController()
  #waiting = 0
  #onEnd: () => void

  constructor(load: (signal: AbortSignal) => Promise<T>, onEnd: () => void) {
    this.#onEnd = onEnd
    // In a turn of its own: a loader that throws at once must reject like any other, after it was registered.
    this.#result = Promise.resolve().then(() => load(this.#abort.signal))
    this.ended = this.#result.then(onEnd, onEnd)
  }

  join(signal: AbortSignal | undefined): Promise<T> {
    this.#waiting++
    if (signal === undefined) return this.#result
    return new Promise<T>((resolve, reject) => {
      const leave = () => {
        reject(signal.reason)
        this.#left(signal.reason)
      }
      signal.addEventListener('abort', leave, { once: true })
      const arrived = () => signal.removeEventListener('abort', leave)
      this.#result.then(resolve, reject).finally(arrived)
    })
  }

  #left(reason: unknown): void {
    this.#waiting--
    if (this.#waiting > 0) return
    // Nobody waits any more. Whoever comes now must not be given an aborted load.
    this.#onEnd()
    this.#abort.abort(reason)
  }
}
