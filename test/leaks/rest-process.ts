import { supabaseRest } from '../../src/drivers/index.js'
import { Secret } from '../../src/masking/index.js'

/** Reads a table over REST, for a parent that looks at what Node and undici trace of it. The key comes by the environment. */
const key = process.env['LEAKS_KEY'] ?? ''
delete process.env['LEAKS_KEY']
await using session = await supabaseRest.open({
  rest_url: process.env['LEAKS_URL'] ?? '',
  key: new Secret(key, 'key'),
})
let rows = 0
for await (const batch of session.extract({ table: 'notes' })) rows += batch.rowCount
process.stdout.write(`${rows}\n`)
