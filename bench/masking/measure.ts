import { randomBytes } from 'node:crypto'

const ROUNDS = 5
const WORK_BYTES = 6_000_000

/** Nanoseconds of processor time per unit of work: the best of five rounds, so that a busy machine does not count. */
export function nanoseconds(units: number, run: () => void): number {
  run()
  let best = Number.POSITIVE_INFINITY
  for (let round = 0; round < ROUNDS; round++) {
    const before = process.cpuUsage()
    run()
    const { user, system } = process.cpuUsage(before)
    best = Math.min(best, ((user + system) * 1000) / units)
  }
  return best
}

/** The same for one call on a text, per byte of it. */
export function perByte(text: string, call: (text: string) => unknown): number {
  const repeats = Math.max(1, Math.ceil(WORK_BYTES / text.length))
  return nanoseconds(repeats * text.length, () => {
    for (let i = 0; i < repeats; i++) call(text)
  })
}

/** Passwords as a generator makes them. */
export function secrets(count: number): string[] {
  return Array.from({ length: count }, () => `${randomBytes(12).toString('base64url')}!k$`)
}

const LINE = {
  level: 30,
  time: 1767225600000,
  pid: 3186,
  hostname: 'worker-7',
  run: 'run_20261120_183258',
  step: 'load orders',
  connection: { driver: 'mysql', host: 'db.example.test', port: 3306, database: 'shop', user: 'app' },
  rows: 1200,
  bytes: 48213,
  ms: 12.5,
  msg: 'batch written to target table public.orders, next batch in flight',
}

/** A log record whose JSON is about so long. */
export function record(length: number): Record<string, unknown> {
  const base = JSON.stringify(LINE).length
  return {
    ...LINE,
    text: 'rows were read and written without an error; '
      .repeat(Math.ceil((length - base) / 45))
      .slice(0, Math.max(0, length - base)),
  }
}

/** Log lines without a secret, as one flat text of a length. */
export function logText(length: number): string {
  const line = `${JSON.stringify(LINE)}\n`
  return Buffer.from(line.repeat(Math.ceil(length / line.length)).slice(0, length), 'latin1').toString('latin1')
}

export function show(label: string, ...cells: readonly (string | number)[]): void {
  console.log(
    [label.padEnd(34), ...cells.map((cell) => (typeof cell === 'number' ? cell.toFixed(2) : cell).padStart(12))].join(
      ' ',
    ),
  )
}
