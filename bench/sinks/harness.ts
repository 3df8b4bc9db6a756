import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** One way of storing events, made anew for each round. */
export interface Contender {
  readonly name: string
  /** Gives the function that stores one event, and the one that ends the round when all is stored. */
  readonly start: (dir: string) => Promise<Started>
}

export interface Started {
  /** Settles when the contender calls the event stored; contenders without acknowledgement return nothing. */
  readonly append: (event: BenchEvent) => Promise<unknown> | undefined
  readonly end: () => Promise<void>
}

export interface BenchEvent {
  readonly type: string
  readonly op: string
  readonly data: Readonly<Record<string, unknown>>
}

/** An event of about 230 bytes as a line. */
export function benchEvent(i: number): BenchEvent {
  return { type: 'stream.written', op: `op-${i}`, data: { table: 'public.orders', rows: i, mode: 'merge', ok: true } }
}

/** Stores `count` events with `producers` at a time and gives events per second, the final drain included. */
export async function throughput(contender: Contender, count: number, producers: number): Promise<number> {
  const dir = mkdtempSync(join(process.env['AIRLOCK_BENCH_DIR'] ?? tmpdir(), 'airlock-bench-'))
  try {
    const { append, end } = await contender.start(dir)
    const started = performance.now()
    let next = 0
    const produce = async (): Promise<void> => {
      while (next < count) {
        next += 1
        const stored = append(benchEvent(next))
        if (stored !== undefined) await stored
        // Contenders without acknowledgement must not keep the event loop for themselves.
        else if (next % 256 === 0) await new Promise((resolve) => setImmediate(resolve))
      }
    }
    await Promise.all(Array.from({ length: producers }, produce))
    await end()
    return (count / (performance.now() - started)) * 1000
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

/** Runs all contenders in shuffled rounds and gives each one's median. The first round warms up and does not count. */
export async function medians(
  contenders: readonly Contender[],
  rounds: number,
  measure: (contender: Contender) => Promise<number>,
): Promise<Map<string, number>> {
  const samples = new Map<string, number[]>(contenders.map((contender) => [contender.name, []]))
  for (let round = 0; round <= rounds; round += 1) {
    for (const contender of shuffled(contenders)) {
      const sample = await measure(contender)
      if (round > 0) samples.get(contender.name)!.push(sample)
    }
  }
  return new Map([...samples].map(([name, values]) => [name, median(values)]))
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}

/** The package, or undefined where it is not installed: peers are no dependency of the project. */
export async function peer(name: string): Promise<unknown> {
  try {
    return await import(name)
  } catch {
    process.stderr.write(`${name} is not installed; left out\n`)
    return undefined
  }
}

/** One line per goal: the ratio, the bar, and whether it was reached. */
export function report(goal: string, ratio: number, bar: number, atMost = false): void {
  const reached = atMost ? ratio <= bar : ratio >= bar
  const sign = atMost ? '<=' : '>='
  process.stdout.write(`${reached ? 'ok  ' : 'MISS'} ${goal}: ${ratio.toFixed(2)} (bar ${sign} ${bar})\n`)
}

function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, at: Math.random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item)
}
