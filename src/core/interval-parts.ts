/** An interval in the three units that do not convert into each other, and microseconds apart from their seconds so that
 * each number is exact. */
export interface IntervalParts {
  readonly months: number
  readonly days: number
  /** May be negative; `micros` is 0 to 999,999 on top of it. */
  readonly seconds: number
  readonly micros: number
}

const CLOCK = /^(-?)(\d+):(\d\d):(\d\d)(?:\.(\d{1,6}))?$/
const ISO =
  /^P(?=.)(?:(-?\d+)Y)?(?:(-?\d+)M)?(?:(-?\d+)W)?(?:(-?\d+)D)?(?:T(?=.)(?:(-?\d+)H)?(?:(-?\d+)M)?(?:(-?)(\d+)(?:\.(\d{1,6}))?S)?)?$/

/** Reads `[-]h+:mm:ss[.ffffff]` or ISO 8601 with a sign for each part, as Postgres writes it. Undefined for anything else. */
export function intervalOf(text: string): IntervalParts | undefined {
  const clock = CLOCK.exec(text)
  if (clock !== null) {
    const sign = clock[1] === '-' ? -1 : 1
    const seconds = int(clock[2]) * 3600 + int(clock[3]) * 60 + int(clock[4])
    return parts(0, 0, sign * seconds, sign * fraction(clock[5]))
  }
  const iso = ISO.exec(text)
  if (iso === null) return undefined
  const sign = iso[7] === '-' ? -1 : 1
  const seconds = int(iso[5]) * 3600 + int(iso[6]) * 60 + sign * int(iso[8])
  return parts(int(iso[1]) * 12 + int(iso[2]), int(iso[3]) * 7 + int(iso[4]), seconds, sign * fraction(iso[9]))
}

function parts(months: number, days: number, seconds: number, micros: number): IntervalParts {
  const borrow = micros < 0 ? 1 : 0
  return { months, days, seconds: seconds - borrow, micros: micros + borrow * 1_000_000 }
}

function int(digits: string | undefined): number {
  return digits === undefined ? 0 : Number(digits)
}

function fraction(digits: string | undefined): number {
  return digits === undefined ? 0 : Number(digits.padEnd(6, '0'))
}
