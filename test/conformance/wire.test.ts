import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { createConnection } from 'mysql2'
import pg from 'pg'
import { describe, expect, it } from 'vitest'
import { type StallingKind, settle, startBlackHole, WireFake, type WireProtocol } from '../../src/testing/index.js'

/** Clients without any care of their own: what they do proves that a fake would have been believed. */
const clients: Record<
  Exclude<WireProtocol, 'http'>,
  (port: number) => { connected: Promise<boolean>; leave(): void }
> = {
  mysql(port) {
    const connection = createConnection({
      host: '127.0.0.1',
      port,
      user: 'u',
      password: 'naive',
      connectTimeout: 3_000,
    })
    const connected = new Promise<boolean>((resolve) => {
      connection.once('connect', () => resolve(true))
      connection.on('error', () => resolve(false))
    })
    return { connected, leave: () => connection.destroy() }
  },
  postgres(port) {
    const client = new pg.Client({
      host: '127.0.0.1',
      port,
      user: 'u',
      password: 'naive',
      connectionTimeoutMillis: 3_000,
    })
    const connected = new Promise<boolean>((resolve) => {
      client.on('error', () => resolve(false))
      client.connect().then(
        () => resolve(true),
        () => resolve(false),
      )
    })
    return { connected, leave: () => void client.end() }
  },
}

describe.each(['mysql', 'postgres'] as const)('fakes of %s', (protocol) => {
  it('late: let a patient client in, and count its authentication', async () => {
    await using fake = await WireFake.start(protocol, { kind: 'late', ms: 50 })
    const client = clients[protocol](fake.port)
    expect(await client.connected).toBe(true)
    expect(fake.counts).toMatchObject({ connections: 1, authAttempts: 1 })
    client.leave()
  })

  it.each<StallingKind>(['accept-stall', 'greeting-stall', 'auth-stall'])('%s: keep a client waiting', async (kind) => {
    await using fake = await WireFake.start(protocol, { kind })
    const client = clients[protocol](fake.port)
    const early = await Promise.race([client.connected, sleep(150, 'waiting')])
    expect(early).toBe('waiting')
    expect(await settle(() => fake.counts.authAttempts, kind === 'auth-stall' ? 1 : 0, 2_000)).toBeLessThan(2)
    expect(await settle(() => fake.counts.connections, 1, 2_000)).toBe(1)
    expect(fake.counts).toMatchObject({ open: 1, connections: 1, authAttempts: kind === 'auth-stall' ? 1 : 0 })
    expect(await client.connected).toBe(false)
    client.leave()
  })

  it('count bytes and connections, and close twice', async () => {
    const fake = await WireFake.start(protocol, { kind: 'accept-stall' })
    const socket = connect(fake.port, fake.host).on('error', () => undefined)
    socket.write('12345678')
    expect(await settle(() => fake.counts.bytesReceived, 8, 1_000)).toBe(8)
    expect(fake.received('2345')).toBe(true)
    await Promise.all([fake.close(), fake.close()])
    expect(fake.counts).toEqual({ open: 0, connections: 1, bytesReceived: 8, authAttempts: 0 })
    socket.destroy()
  })
})

it('a careless client gives a rogue Postgres its password in clear, and the fake hears it', async () => {
  await using fake = await WireFake.start('postgres', { kind: 'cleartext' })
  const client = clients.postgres(fake.port)
  await client.connected
  expect(fake.received('naive')).toBe(true)
  expect(fake.counts.authAttempts).toBe(1)
  client.leave()
})

it('a black hole neither accepts nor refuses', async () => {
  await using hole = await startBlackHole('127.0.0.1')
  const heard: string[] = []
  const socket = connect(hole.port, hole.host)
  socket.on('connect', () => heard.push('connect')).on('error', () => heard.push('error'))
  await sleep(400)
  expect(heard).toEqual([])
  socket.destroy()
  await Promise.all([hole.close(), hole.close()])
})

describe('fakes of HTTP', () => {
  const ask = (port: number) => fetch(`http://127.0.0.1:${port}/`, { signal: AbortSignal.timeout(300) })

  it('late: answer with success, and count the request as authentication', async () => {
    await using fake = await WireFake.start('http', { kind: 'late', ms: 50 })
    expect((await ask(fake.port)).status).toBe(200)
    expect(fake.counts).toMatchObject({ connections: 1, authAttempts: 1 })
  })

  it('auth-refused: 401; garbage: nothing that a client can read', async () => {
    await using refusing = await WireFake.start('http', { kind: 'auth-refused' })
    expect((await ask(refusing.port)).status).toBe(401)
    await using garbage = await WireFake.start('http', { kind: 'garbage' })
    await expect(ask(garbage.port)).rejects.toThrow('fetch failed')
  })

  it.each<StallingKind>(['accept-stall', 'greeting-stall', 'auth-stall'])('%s: keep a client waiting', async (kind) => {
    await using fake = await WireFake.start('http', { kind })
    await expect(ask(fake.port)).rejects.toThrow('timeout')
    expect(fake.counts.authAttempts).toBe(kind === 'auth-stall' ? 1 : 0)
  })
})
