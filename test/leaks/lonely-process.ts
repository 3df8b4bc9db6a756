import { once } from 'node:events'
import type { OpenOptions } from '../../src/core/define-driver.js'
import { mysql, postgres } from '../../src/drivers/index.js'
import { AirlockError } from '../../src/errors/index.js'
import { createMasker, Secret } from '../../src/masking/index.js'

/** A process that uses the drivers as a careless program does: it listens to nothing and catches nothing. What it is to do
 * comes by the environment, so that no secret is on its command line. */
interface Task {
  readonly connections: readonly {
    readonly engine: 'mysql' | 'postgres'
    readonly settings: Readonly<Record<string, unknown>>
    readonly secrets: Readonly<Record<string, string>>
    readonly address: string
    /** Read as soon as the session is open. */
    readonly query?: string
  }[]
}

const task = JSON.parse(process.env['LEAKS_TASK'] ?? '') as Task
delete process.env['LEAKS_TASK']

async function open({ engine, settings, secrets, address }: Task['connections'][number]) {
  const hidden = Object.fromEntries(Object.entries(secrets).map(([name, value]) => [name, new Secret(value, name)]))
  const options: OpenOptions = {
    masker: createMasker({ secrets: Object.values(secrets) }),
    lookup: async () => [{ address, family: 4 }],
  }
  return await (engine === 'mysql' ? mysql : postgres).open({ ...settings, ...hidden }, options)
}

const sessions = await Promise.all(
  task.connections.map(async (connection) => {
    const session = await open(connection)
    const { query } = connection
    if (query !== undefined) for await (const _ of session.extract({ query })) await Promise.resolve()
    return session
  }),
)

const { title, argv, execArgv } = process
const { header } = process.report.getReport() as unknown as { header: { commandLine: string[] } }
process.stdout.write(`${JSON.stringify({ title, argv, execArgv, commandLine: header.commandLine })}\n`)
await once(process.stdin, 'data')

for (const session of sessions) {
  const found = await session.ping().then(
    () => 'alive',
    (error: unknown) => (error instanceof AirlockError ? error.code : 'not ours'),
  )
  process.stdout.write(`${found}\n`)
  await session.close()
}
process.stdin.destroy()
