const DAY_MS = 86_400_000

/** `count` days from the first of January of a year, as `YYYY-MM-DD`. Taken from a list, since formatting a date anew
 * for each cell would be most of the generator's time. */
export function days(year: number, count: number): readonly string[] {
  const first = Date.UTC(year, 0, 1)
  return Array.from({ length: count }, (_, day) => new Date(first + day * DAY_MS).toISOString().slice(0, 10))
}

/** `hh:mm:ss` of a second of the day. */
export function clock(second: number): string {
  return `${two(Math.floor(second / 3600))}:${two(Math.floor(second / 60) % 60)}:${two(second % 60)}`
}

function two(value: number): string {
  return value < 10 ? `0${value}` : `${value}`
}
