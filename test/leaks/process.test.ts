import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import { expect, it, onTestFinished } from 'vitest'
import type { Engine } from '../../src/testing/index.js'
import { NODE_ARGS } from '../cli/airlock.js'
import { describeWith } from '../setup/engines.js'
import { type Account, account } from './accounts.js'
import { canary } from './canaries.js'

interface Lonely {
  readonly child: ChildProcess
  readonly output: { stdout: string; stderr: string }
  readonly ended: Promise<number | null>
}

function lonely(task: unknown, env: Record<string, string> = {}): Lonely {
  const script = fileURLToPath(new URL('./lonely-process.ts', import.meta.url))
  const child = spawn(process.execPath, [...NODE_ARGS, script], {
    env: { PATH: process.env['PATH'], LEAKS_TASK: JSON.stringify(task), ...env },
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  const output = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      output[name] += text
    })
  }
  return { child, output, ended: once(child, 'close').then(([code]) => code as number | null) }
}

/** How the process is to connect: the password apart, as only it becomes a secret there. */
function connection(own: Account, changes: Record<string, unknown> = {}, secrets: Record<string, string> = {}) {
  const { password: _, ...settings } = own.settings
  const { engine, host: address } = own.engine
  return { engine, settings: { ...settings, ...changes }, secrets: { password: own.password, ...secrets }, address }
}

/** Forwards to an engine and keeps all that its clients send. */
async function recorder(engine: Engine): Promise<{ readonly port: number; readonly sent: Buffer[] }> {
  const sent: Buffer[] = []
  const server = createServer((client) => {
    const upstream = connect({ host: engine.host, port: engine.port })
    client.on('data', (chunk) => sent.push(chunk)).on('error', () => upstream.destroy())
    upstream.on('error', () => client.destroy())
    client.pipe(upstream).pipe(client)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  const bound = server.address()
  return { port: typeof bound === 'object' && bound !== null ? bound.port : 0, sent }
}

describeWith(['mysql', 'postgres'], 'a process that listens to nothing', (engines) => {
  it('SO-4 dies of an error that nobody caught without telling anything', { timeout: 180_000 }, async () => {
    await using shop = await account(engines.mysql)
    await using warehouse = await account(engines.postgres)
    const marker = canary()
    for (const { canaries } of [shop, warehouse]) canaries.add('marker', marker)
    const malformed = `mysql://${shop.settings.user}:p/${marker}@${shop.settings.host}/d`
    const tasks = [
      { own: shop, code: 'AUTH_FAILED', connections: [connection(shop, {}, { password: marker })] },
      {
        own: shop,
        code: 'DSN_REFUSED',
        connections: [{ ...connection(shop), settings: {}, secrets: { url: malformed } }],
      },
      { own: warehouse, code: 'DATABASE_NOT_FOUND', connections: [connection(warehouse, { database: marker })] },
      {
        own: warehouse,
        code: 'VALUE_REJECTED',
        connections: [{ ...connection(warehouse), query: `SELECT (note || '${marker}')::integer AS n FROM notes` }],
      },
    ]
    const died = tasks.map(async ({ own, code, connections }) => {
      const { output, ended } = lonely({ connections })
      expect(await ended).toBe(1)
      expect(output.stdout).toBe('')
      expect(output.stderr).toContain(`code: '${code}'`)
      expect(own.canaries.in(output.stderr)).toEqual([])
    })
    await Promise.all(died)
  })

  it('SO-5, SO-6, SO-7 lives when its idle sessions are ended, and shows no secret to tracers, servers or ps', {
    timeout: 180_000,
  }, async () => {
    await using shop = await account(engines.mysql)
    await using warehouse = await account(engines.postgres)
    const [toShop, toWarehouse] = await Promise.all([recorder(engines.mysql), recorder(engines.postgres)])
    const query = 'SELECT id, note FROM notes'
    const connections = [
      { ...connection(shop, { port: toShop.port }), query },
      { ...connection(warehouse, { port: toWarehouse.port }), query },
    ]
    const { child, output, ended } = lonely({ connections }, { NODE_DEBUG: 'net,tls,stream,timer' })
    await once(child.stdout!, 'data')
    const seen = JSON.parse(output.stdout) as Record<string, unknown>
    for (const { canaries } of [shop, warehouse]) expect(canaries.in(JSON.stringify(seen))).toEqual([])
    expect(seen).toHaveProperty('commandLine')

    const [[application, statement] = []] = await warehouse.rows(
      `SELECT application_name, query FROM pg_stat_activity WHERE usename = '${warehouse.settings.user}'`,
    )
    expect(application).toBe('airlock')
    expect(warehouse.canaries.in(statement ?? '')).toEqual([])
    expect(await engines.mysql.endSessions({ user: shop.settings.user })).toBe(1)
    expect(await engines.postgres.endSessions({ user: warehouse.settings.user })).toBe(1)
    child.stdin!.write('go on\n')
    expect(await ended).toBe(0)
    expect(output.stdout.split('\n').slice(1)).toEqual(['CONNECTION_LOST', 'CONNECTION_LOST', ''])

    // Of what Node traces itself, addresses are a part; of ours there is nothing.
    expect(output.stderr).toContain('NET ')
    expect(output.stderr).not.toMatch(/Uncaught|Unhandled|AirlockError/)
    for (const { canaries } of [shop, warehouse]) {
      expect(canaries.only('password', 'cell').in(output.stderr)).toEqual([])
    }
    const wire = [toShop, toWarehouse].map(({ sent }) => Buffer.concat(sent).toString('latin1'))
    expect(wire[0]).toContain('program_name\x07airlock')
    expect(wire[1]).toContain('application_name\0airlock\0')
    for (const text of wire) {
      expect([
        ...shop.canaries.only('password', 'host').in(text),
        ...warehouse.canaries.only('password', 'host').in(text),
      ]).toEqual([])
      expect(text).not.toMatch(/\/\*|-- /)
    }
  })
})
