import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { mysql, postgres } from '../../src/drivers/index.js'
import { Secret } from '../../src/masking/secret.js'

/** A program that uses a session of each kind and is then done: for the tests of how a process ends. Its environment says
 * where the servers are; each line on stdin lets it go on. */
const drivers = { mysql, postgres }
const engine = process.env['ENGINE'] === 'mysql' ? 'mysql' : 'postgres'
const login = JSON.parse(process.env['LOGIN'] ?? '{}') as Record<'host' | 'database' | 'user' | 'password', string>
const { host, database, user, password } = login
const lines = createInterface({ input: process.stdin })
const say = (text: string) => process.stdout.write(`${text}\n`)

const session = await drivers[engine].open({
  host,
  port: Number(process.env['PORT']),
  database,
  user,
  password: new Secret(password, 'login'),
  statement_timeout_ms: 30_000,
})
const idle = await drivers[engine].open({
  host,
  port: Number(process.env['PORT']),
  database,
  user,
  password: new Secret(password, 'login'),
})
for await (const batch of session.extract({ query: 'SELECT 1 AS one' })) say(`rows ${batch.rowCount}`)
for await (const _ of session.extract({ query: 'SELECT 2 AS two' })) break
await session.ping(AbortSignal.timeout(20_000))
say('ready')
await once(lines, 'line')
const outcome = await idle.ping().then(
  () => 'alive',
  (error: { code?: string }) => error.code ?? 'unknown',
)
say(`idle ${outcome}`)
await Promise.all([session.close(), idle.close()])
lines.close()
process.stdin.unref()
process.stdin.destroy()
say('closed')
