import { setImmediate as turn } from 'node:timers/promises'
import { postgres } from '../../src/drivers/index.js'
import { Secret } from '../../src/masking/secret.js'

/** Reads a query in a process of its own, slowly, and prints what it came to: rows, bytes of the widest cell, or the code
 * of the error, and the most memory that it had. */
const { password, query, raw, pause, ...rest } = JSON.parse(process.env['AIRLOCK_TEST_READ'] ?? '{}')
await using source = await postgres.open({ ...rest, password: new Secret(password, 'test') })
const result = { rows: 0, widest: 0, code: null as string | null, megabytes: 0 }
try {
  for await (const batch of source.extract({ query, ...(raw === undefined ? {} : { raw }) })) {
    result.rows += batch.rowCount
    if (raw === undefined) result.widest = Math.max(result.widest, batch.cell(0, 0)?.length ?? 0)
    batch.release?.()
    // Slower than the server.
    for (let turns = 0; turns < pause; turns++) await turn()
  }
} catch (error) {
  result.code = (error as { code?: string }).code ?? 'unknown'
}
result.megabytes = Math.round(process.resourceUsage().maxRSS / 1024)
process.stdout.write(JSON.stringify(result))
