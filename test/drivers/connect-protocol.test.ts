import { readdir, readFile, readlink } from 'node:fs/promises'
import { connect, createServer, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import type { Batch } from '../../src/core/batch.js'
import { mysql, postgres } from '../../src/drivers/index.js'
import { countSockets, type Engine, settle, type TestDatabase } from '../../src/testing/index.js'
import { describeWith } from '../setup/engines.js'
import { canary, failure, open, settings } from './support.js'
import { wireFake } from './wire-fake.js'

/** First words of servers of other kinds, whole or cut where a read may cut them. */
const STRANGERS: Readonly<Record<string, string | Buffer>> = {
  http: 'HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n',
  ssh: 'SSH-2.0-OpenSSH_9.2p1\r\n',
  smtp: '220 mail.example ESMTP\r\n',
  redis: '-ERR unknown command\r\n',
  'zeros and more': Buffer.alloc(64),
  'TLS alert': Buffer.from([0x15, 3, 1, 0, 2, 2, 0x46]),
  'a single line break': '\n\n\n\n\n\n',
}

describe.each(['mysql', 'postgres'] as const)('%s finds a stranger out at its first word', (name) => {
  // Seen red without `watchFirstBytes`: each of them is a CONNECT_TIMEOUT, or a warning of mysql2 on stderr.
  it.each(Object.keys(STRANGERS))('%s', async (stranger) => {
    const printed = vi.spyOn(console, 'error')
    onTestFinished(() => printed.mockRestore())
    const words = Buffer.from(STRANGERS[stranger]!)
    await using fake = await wireFake((socket) => {
      // Unasked, as half of them would, and in two pieces.
      socket.write(words.subarray(0, 2))
      setTimeout(() => socket.write(words.subarray(2)), 50)
    })
    const login = { name: 'some', user: 'body', password: canary() }
    const given = { ...settings({ host: '127.0.0.1', port: fake.port }, login), connect_timeout_ms: 25_000 }
    const error = await failure({ mysql, postgres }[name].open(given), 'PROTOCOL_ERROR')
    expect(error.message).not.toMatch(/attempts/)
    expect(fake.received().includes(login.password)).toBe(false)
    expect(printed).not.toHaveBeenCalled()
    expect(await settle(() => countSockets(fake.port), 0, 2_000)).toBe(0)
  })
})

describe('a MySQL server', () => {
  it('may refuse with an error before any greeting, whose number is kept', async () => {
    const body = Buffer.concat([Buffer.from([0xff, 0x10, 0x04]), Buffer.from('Too many connections', 'ascii')])
    for (const sequence of [0, 1]) {
      const printed = vi.spyOn(console, 'error')
      onTestFinished(() => printed.mockRestore())
      await using fake = await wireFake((socket) =>
        socket.end(Buffer.concat([Buffer.from([body.length, 0, 0, sequence]), body])),
      )
      const given = settings({ host: '127.0.0.1', port: fake.port }, { name: 'd', user: 'u', password: canary() })
      expect((await failure(mysql.open(given), 'TOO_MANY_CONNECTIONS')).origin).toBe('MYSQL_1040')
      expect(printed).not.toHaveBeenCalled()
    }
  })
})

describeWith(['mysql'], 'a packet that is out of order', ({ mysql: engine }) => {
  // Seen red without `refuseForeignPackets`: mysql2 takes the packet for the answer and writes a warning to stderr.
  it('ends the connection and is not believed, and nothing is printed (sockets, sessions)', async () => {
    const printed = vi.spyOn(console, 'error')
    onTestFinished(() => printed.mockRestore())
    const database = await engine.createDatabase('order')
    const relay = await injector(engine)
    try {
      const session = await open(engine, database, { via: relay })
      await session.ping()
      // An OK packet, as it would be the whole answer, but with the number 9.
      relay.inject(Buffer.from([7, 0, 0, 9, 0, 0, 0, 2, 0, 0, 0]))
      await failure(drain(session.extract({ query: 'SELECT 1 AS one' })), 'PROTOCOL_ERROR')
      await failure(session.ping())
      await session.close()
      expect(printed).not.toHaveBeenCalled()
      expect(await settle(() => countSockets(relay.port), 0, 2_000)).toBe(0)
      expect(await settle(() => engine.sessions({ user: database.user }), 0, 5_000)).toBe(0)
    } finally {
      relay.close()
      await database.drop()
    }
  })
})

describeWith(['mysql', 'postgres'], 'keep-alive', (engines) => {
  /** The timer of each of our sockets to the port: `02` is keep-alive, with the time left in hundredths of a second
   * (proc(5), `/proc/net/tcp`). */
  const timers = async (port: number): Promise<readonly (readonly [kind: string, hundredths: number])[]> => {
    const links = await Promise.all(
      (await readdir('/proc/self/fd')).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')),
    )
    const lines = (await readFile('/proc/net/tcp', 'latin1')).split('\n').slice(1)
    return lines
      .map((line) => line.trim().split(/\s+/))
      .filter((columns) => Number.parseInt(columns[2]?.split(':')[1] ?? '', 16) === port)
      .filter((columns) => links.includes(`socket:[${columns[9]}]`))
      .map((columns) => columns[5]!.split(':'))
      .map(([kind, when]) => [kind!, Number.parseInt(when!, 16)])
  }

  // Seen red with `setKeepAlive` taken out, and with 30 s in place of 10.
  it.runIf(process.platform === 'linux').each(['mysql', 'postgres'] as const)(
    'asks after ten seconds of silence whether the other host is still there (kernel timers): %s',
    async (name) => {
      const engine = engines[name]
      const database = await engine.createDatabase('alive')
      try {
        await using _ = await open(engine, database)
        const look = async () => {
          const [timer, ...others] = await timers(engine.port)
          return timer?.[0] === '02' && timer[1] <= 1_000 && others.length === 0 ? 1 : 0
        }
        expect(await settle(look, 1, 3_000)).toBe(1)
      } finally {
        await database.drop()
      }
    },
  )
})

describeWith(['postgres'], 'a limit of the server', ({ postgres: engine }) => {
  let database: TestDatabase
  beforeAll(async () => {
    database = await engine.createDatabase('limit')
    await database.exec(`ALTER ROLE ${database.user} SET temp_file_limit = '64kB'`, 'admin')
  })
  afterAll(() => database.drop())

  it('is SERVER_LIMIT with its SQLSTATE (53400), and the session goes on', async () => {
    await using session = await open(engine, database)
    const sorted = 'SELECT i, repeat(md5(i::text), 20) AS t FROM generate_series(1, 200000) i ORDER BY 2'
    const error = await failure(drain(session.extract({ query: sorted })), 'SERVER_LIMIT')
    expect(error.origin).toBe('53400')
    await session.ping()
  })
})

async function drain(rows: AsyncIterable<Batch>): Promise<void> {
  for await (const batch of rows) batch.release?.()
}

interface Injector {
  readonly host: string
  readonly port: number
  /** Says this in place of the server's next answer; nothing of the server comes through any more. */
  inject(bytes: Buffer): void
  close(): void
}

async function injector({ host, port }: Engine): Promise<Injector> {
  const sockets = new Set<Socket>()
  let injected: Buffer | undefined
  const server = createServer((client) => {
    const upstream = connect({ host, port })
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(one)
      one.on('error', () => other.destroy()).on('close', () => other.destroy())
    }
    client.on('data', (chunk) => {
      if (injected === undefined) upstream.write(chunk)
      else client.write(injected)
    })
    upstream.on('data', (chunk) => {
      if (injected === undefined) client.write(chunk)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    host: '127.0.0.1',
    port: (server.address() as { port: number }).port,
    inject(bytes) {
      injected = bytes
    },
    close() {
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  }
}
