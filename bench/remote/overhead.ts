/** What a sandbox costs a small job: seconds of a run in one, less those of the same run on this machine, on a local platform
 * and so without its network. Both are done in each round, in an order that is drawn; the median of all rounds:
 * `npm run build && npx tsx bench/remote/overhead.ts [rounds]`. Times are those of the run as its report has them, so that
 * neither has the start of the program. */
import { benchEnds } from './bench-ends.js'

const WAYS = { local: [], remote: ['--remote', 'e2b'] } as const

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!

async function main(rounds: number): Promise<void> {
  await using ends = await benchEnds()
  await ends.source.exec('CREATE TABLE orders (id BIGINT PRIMARY KEY, email VARCHAR(80))')
  const rows = Array.from({ length: 1000 }, (_, id) => `(${id}, 'user${id}@example.com')`)
  await ends.source.exec(`INSERT INTO orders VALUES ${rows.join(', ')}`)
  const times: Record<keyof typeof WAYS, number[]> = { local: [], remote: [] }
  for (let round = 0; round < rounds; round++) {
    const order = Math.random() < 0.5 ? (['local', 'remote'] as const) : (['remote', 'local'] as const)
    for (const way of order) {
      const { data } = await ends.run(WAYS[way])
      if (data.status !== 'ok' || data.rows_written !== 1000) throw new Error(`${way}: ${data.status}`)
      times[way].push(data.seconds * 1000)
    }
  }
  const differences = times.remote.map((ms, at) => ms - times.local[at]!)
  for (const way of ['local', 'remote'] as const) console.log(`${way.padEnd(8)} ${median(times[way]).toFixed(0)} ms`)
  console.log(
    `overhead ${median(differences).toFixed(0)} ms, the median of ${rounds} rounds; ${differences.map((ms) => ms.toFixed(0)).join(' ')}`,
  )
}

await main(Number(process.argv[2] ?? 9))
