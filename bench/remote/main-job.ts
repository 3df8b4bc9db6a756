/** The main job in sandboxes of a local platform, beside the same job on this machine: MySQL → masked → Postgres through the
 * built command line, one sandbox and several. Prints seconds, counts and whether the contents are the same:
 * `npm run build && npx tsx bench/remote/main-job.ts [rows] [sandboxes]`. Sandboxes, servers and this program share the
 * cores of one machine, so that several sandboxes show that nothing is lost, not that anything is gained. */
import type { TestDatabase } from '../../src/testing/index.js'
import { benchEnds } from './bench-ends.js'

const BATCH = 5000

async function fill(source: TestDatabase, rows: number): Promise<void> {
  await source.exec(
    'CREATE TABLE orders (id BIGINT PRIMARY KEY, email VARCHAR(80), amount DECIMAL(12,2), at DATETIME(6), note VARCHAR(200))',
  )
  for (let at = 0; at < rows; at += BATCH) {
    const values = Array.from({ length: Math.min(BATCH, rows - at) }, (_, i) => {
      const id = at + i
      return `(${id},'user${id}@example.com',${id / 4},'2026-01-01 00:00:00.${String(id % 1_000_000).padStart(6, '0')}','note ${id} ${'n'.repeat(id % 90)}')`
    })
    await source.exec(`INSERT INTO orders VALUES ${values.join(',')}`)
  }
  await source.exec('ANALYZE TABLE orders')
}

/** Everything but the masked column, so that it is the same at both ends. */
const digest = async (database: TestDatabase) =>
  JSON.stringify(
    await database.rows(
      'SELECT COUNT(*), SUM(id), SUM(amount), SUM(CHAR_LENGTH(note)), COUNT(DISTINCT at) FROM orders',
    ),
  )

async function main(rows: number, sandboxes: number): Promise<void> {
  await using ends = await benchEnds()
  const { source, target, server } = ends
  await fill(source, rows)
  const expected = await digest(source)
  const ways = {
    'this machine': [],
    'one sandbox': ['--remote', 'e2b'],
    [`${sandboxes} sandboxes`]: ['--remote', 'e2b', '--parallel', String(sandboxes)],
  }
  for (const [name, args] of Object.entries(ways)) {
    const { data, seconds } = await ends.run(args)
    const found = await digest(target)
    const masked = await target.rows("SELECT count(*) FROM orders WHERE email LIKE 'user%'")
    const same = found === expected && masked[0]?.[0] === '0'
    const { jobs = 0, sandboxes: used = 0, cost_usd = 0 } = data.remote ?? {}
    if (!same) console.error(found, expected)
    console.log(
      `${name.padEnd(14)} ${seconds.toFixed(2)} s  ${data.status}  ${data.rows_written} rows  content ${same ? 'same' : 'DIFFERS'}  ` +
        `${jobs} jobs, ${used} sandboxes, $${cost_usd.toFixed(4)}; left ${server.sandboxes().length} sandboxes, ${server.processes().length} processes`,
    )
    if (!same) process.exitCode = 1
  }
}

await main(Number(process.argv[2] ?? 1_000_000), Number(process.argv[3] ?? 8))
