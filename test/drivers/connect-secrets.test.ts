import { generateKeyPairSync, type KeyObject, privateDecrypt } from 'node:crypto'
import type { Socket } from 'node:net'
import { describe, expect, it } from 'vitest'
import { mysql, postgres } from '../../src/drivers/index.js'
import { Secret } from '../../src/masking/secret.js'
import { countSockets, settle } from '../../src/testing/index.js'
import { everythingIn } from './leaks.js'
import { canary, failure } from './support.js'
import { wireFake } from './wire-fake.js'

const HOST = '127.0.0.1'

function login() {
  return { host: HOST, user: canary('u'), database: canary('d'), connect_timeout_ms: 2_000 }
}

/** AuthenticationCleartextPassword, as a Postgres server or whoever sits in its place sends it. */
const ASK_IN_CLEAR = Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, 3])

describe('a Postgres server that asks for the password in clear', () => {
  it('gets nothing over a plain connection', async () => {
    const password = canary()
    await using fake = await wireFake((socket) => void socket.once('data', () => socket.write(ASK_IN_CLEAR)))
    const given = { ...login(), port: fake.port, password: new Secret(password, 'p') }
    const error = await failure(postgres.open(given), 'CLEARTEXT_REFUSED')
    expect(everythingIn(error)).not.toContain(password)
    expect(await settle(() => countSockets(fake.port), 0, 1_000)).toBe(0)
    expect(fake.received().includes(given.user)).toBe(true)
    expect(fake.received().includes(password)).toBe(false)
    expect(fake.connections()).toBe(1)
  })
})

describe('a MySQL server that asks for the password in clear', () => {
  it('gets nothing over a plain connection', async () => {
    const password = canary()
    await using fake = await wireFake((socket) => {
      socket.write(packet(0, mysqlGreeting()))
      socket.once('data', () => socket.write(packet(2, Buffer.from('\xfemysql_clear_password\0', 'latin1'))))
    })
    const given = { ...login(), port: fake.port, password: new Secret(password, 'p') }
    await failure(mysql.open(given), 'CLEARTEXT_REFUSED')
    expect(await settle(() => countSockets(fake.port), 0, 1_000)).toBe(0)
    expect(fake.received().includes(given.user)).toBe(true)
    expect(fake.received().includes(password)).toBe(false)
    expect(fake.connections()).toBe(1)
  })

  // The loopback half is the control: there nothing is refused, and the rogue's key does open what was sent.
  it('that offers a key of its own gets no password encrypted with it, but on loopback', async () => {
    const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
    const pem = Buffer.from(publicKey.export({ type: 'spki', format: 'pem' }))
    await using rogue = await wireFake((socket) => {
      socket.write(packet(0, mysqlGreeting()))
      const scramble = Buffer.from('abcdefghijklmnopqrst\0', 'latin1')
      const turns = [
        packet(2, Buffer.concat([Buffer.from('\xfecaching_sha2_password\0', 'latin1'), scramble])),
        packet(4, Buffer.from([1, 4])),
        packet(6, Buffer.concat([Buffer.from([1]), pem])),
      ]
      socket.on('data', () => {
        const turn = turns.shift()
        if (turn !== undefined) socket.write(turn)
      })
    })
    const opens = (host: string) => {
      const given = {
        ...login(),
        host,
        port: rogue.port,
        password: new Secret(canary(), 'p'),
        tls: { mode: 'disable' as const },
      }
      return mysql.open(given, { lookup: async () => [{ address: HOST, family: 4 }] })
    }
    const encrypted = () => {
      const sent = rogue.received()
      return sent.length < 256 ? undefined : tryDecrypt(privateKey, sent.subarray(-256))
    }
    await failure(opens('db.example'), 'CLEARTEXT_REFUSED')
    expect(encrypted()).toBeUndefined()
    await failure(opens('localhost'))
    expect(encrypted()).toBeDefined()
  })

  it('that asks for a file of this machine gets nothing either', async () => {
    await using fake = await wireFake((socket) => answerWithFileRequest(socket))
    const given = { ...login(), port: fake.port, password: new Secret(canary(), 'p') }
    await failure(mysql.open(given))
    expect(fake.received().includes('root:')).toBe(false)
  })
})

describe('the environment', () => {
  it('gives Postgres connections nothing: no host, user, password, option or TLS mode', async () => {
    const marks = {
      PGHOST: canary('h'),
      PGPORT: '1',
      PGUSER: canary('envuser'),
      PGDATABASE: canary('envdb'),
      PGPASSWORD: canary('envpass'),
      PGOPTIONS: `-c search_path=${canary('opt')}`,
      PGAPPNAME: canary('app'),
      PGCLIENTENCODING: 'LATIN1',
      PGSSLMODE: 'require',
      PGPASSFILE: '/etc/passwd',
    }
    const before = { ...process.env }
    Object.assign(process.env, marks)
    try {
      await using fake = await wireFake((socket) => void socket.once('data', () => socket.write(ASK_IN_CLEAR)))
      const { user, database } = { ...login() }
      const given = { host: HOST, port: fake.port, user, database, password: new Secret(canary(), 'p') }
      await failure(postgres.open(given), 'CLEARTEXT_REFUSED')
      const sent = fake.received().toString('latin1')
      // The first message is the startup packet (196608 = protocol 3.0), not a request for TLS.
      expect(fake.received().readUInt32BE(4)).toBe(196_608)
      expect(parameters(sent)).toEqual({
        user,
        database,
        application_name: 'airlock',
        client_encoding: expect.any(String),
      })
      for (const mark of Object.values(marks)) if (mark.length > 8) expect(sent).not.toContain(mark)
      for (const missing of ['user', 'database'] as const) {
        const { [missing]: _, ...rest } = given
        expect((await failure(postgres.open(rest), 'CONFIG_INVALID')).message).toContain(`at ${missing}:`)
      }
    } finally {
      for (const name of Object.keys(marks)) delete process.env[name]
      Object.assign(process.env, before)
    }
  })
})

/** The names and values of a startup packet. */
function parameters(sent: string): Record<string, string> {
  const parts = sent.slice(8).split('\0')
  const found: Record<string, string> = {}
  for (let i = 0; parts[i] !== undefined && parts[i] !== ''; i += 2) found[parts[i]!] = parts[i + 1]!
  return found
}

function packet(sequence: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(4)
  head.writeUIntLE(payload.length, 0, 3)
  head[3] = sequence
  return Buffer.concat([head, payload])
}

/** Protocol::HandshakeV10 of a server without TLS. */
function mysqlGreeting(): Buffer {
  const salt = Buffer.from('abcdefghijklmnopqrst', 'ascii')
  const capabilities = 0x000fa207 // long password, found rows, 4.1, transactions, secure connection, plugin auth
  const fixed = Buffer.alloc(18)
  fixed.writeUInt16LE(capabilities & 0xffff, 0)
  fixed[2] = 45
  fixed.writeUInt16LE(2, 3)
  fixed.writeUInt16LE(capabilities >>> 16, 5)
  fixed[7] = 21
  return Buffer.concat([
    Buffer.from('\x0a8.0.36\0', 'latin1'),
    Buffer.from([1, 0, 0, 0]),
    salt.subarray(0, 8),
    Buffer.from([0]),
    fixed,
    salt.subarray(8),
    Buffer.from('\0mysql_native_password\0', 'latin1'),
  ])
}

/** Lets anybody in, then answers the first statement with LOCAL INFILE. */
function answerWithFileRequest(socket: Socket): void {
  let messages = 0
  socket.write(packet(0, mysqlGreeting()))
  socket.on('data', () => {
    messages++
    if (messages === 1) socket.write(packet(2, Buffer.from([0, 0, 0, 2, 0, 0, 0])))
    else if (messages === 2) socket.write(packet(1, Buffer.from('\xfb/etc/passwd', 'latin1')))
    else socket.end()
  })
}

/** What was encrypted with the key, or undefined for bytes that were not. */
function tryDecrypt(key: KeyObject, bytes: Buffer): Buffer | undefined {
  try {
    return privateDecrypt({ key, oaepHash: 'sha1' }, bytes)
  } catch {
    return undefined
  }
}
