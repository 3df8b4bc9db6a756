import type { ClockPort } from '../../src/cache/index.js'

/** Two clocks that move only when they are told to, apart from each other. */
export class FakeClock implements ClockPort {
  #now = 1000
  #wall = Date.UTC(2030, 0, 1)

  now(): number {
    return this.#now
  }

  wall(): number {
    return this.#wall
  }

  /** Time passes. */
  pass(ms: number): void {
    this.#now += ms
    this.#wall += ms
  }

  /** Somebody sets the wall clock. */
  jump(ms: number): void {
    this.#wall += ms
  }
}
