/** Where a cache reads the time: `now` in milliseconds that never go back, for what is in memory, and `wall` in
 * milliseconds since 1970, for what other processes read. */
export interface ClockPort {
  now(): number
  wall(): number
}

export const systemClock: ClockPort = {
  now: () => performance.now(),
  wall: () => Date.now(),
}
