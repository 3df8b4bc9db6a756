/** How much sooner a table is there that eight sandboxes read, beside one: MySQL → masked → Postgres through the built command
 * line and a local platform. Each connection to the source goes through a proxy that lets 256 KiB a second through, as one to
 * a database far away: `npm run build && npx tsx bench/remote/fan-out.ts [rows] [bytes per second]`. Sandboxes, servers and this
 * program share the cores of one machine, so the rate is chosen so low that reading waits, and the work of all eight fits
 * into the cores meanwhile; it says nothing of a source that is fast. */
import type { TestDatabase } from '../../src/testing/index.js'
import { benchEnds } from './bench-ends.js'

const BATCH = 5000

async function fill(source: TestDatabase, rows: number): Promise<void> {
  await source.exec('CREATE TABLE orders (id BIGINT PRIMARY KEY, email VARCHAR(80), note VARCHAR(400))')
  for (let at = 0; at < rows; at += BATCH) {
    const values = Array.from({ length: Math.min(BATCH, rows - at) }, (_, i) => {
      return `(${at + i},'user${at + i}@example.com','note ${at + i} ${'n'.repeat(300)}')`
    })
    await source.exec(`INSERT INTO orders VALUES ${values.join(',')}`)
  }
  await source.exec('ANALYZE TABLE orders')
}

async function main(rows: number, bytesPerSecond: number): Promise<void> {
  await using ends = await benchEnds(bytesPerSecond)
  const { source, target, server } = ends
  await fill(source, rows)
  let one: number | undefined
  for (const ranges of [1, 8]) {
    await target.exec('DROP TABLE IF EXISTS orders')
    const divided = ranges === 1 ? {} : { partition_by: { column: 'id', ranges } }
    const { data, seconds } = await ends.run(['--remote', 'e2b', '--parallel', String(ranges)], divided)
    one ??= seconds
    const [[found]] = (await target.rows('SELECT count(DISTINCT id) FROM orders')) as [[string]]
    const isSame = data.status === 'ok' && Number(found) === rows
    console.log(
      `${ranges} range${ranges === 1 ? ' ' : 's'}  ${seconds.toFixed(1).padStart(6)} s  ${(one / seconds).toFixed(2)}x  ` +
        `${isSame ? 'same rows' : 'ROWS DIFFER'}  ${data.remote?.sandboxes} sandboxes, ${server.sandboxes().length} left`,
    )
    if (!isSame) process.exitCode = 1
  }
}

await main(Number(process.argv[2] ?? 60_000), Number(process.argv[3] ?? 256 * 1024))
