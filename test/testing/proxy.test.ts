import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Behaviour, FaultProxy } from '../../src/testing/proxy.js'
import { countSockets, settle } from '../../src/testing/sockets.js'

let echo: Server
let proxy: FaultProxy
const clients: Socket[] = []

beforeEach(async () => {
  echo = createServer({ allowHalfOpen: true }, (socket) =>
    socket.on('error', () => socket.destroy()).pipe(socket),
  ).listen(0, '127.0.0.1')
  await once(echo, 'listening')
})

afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy()
  await proxy.close()
  echo.close()
})

async function start(behaviour?: Behaviour): Promise<void> {
  proxy = await FaultProxy.start({ host: '127.0.0.1', port: (echo.address() as AddressInfo).port }, behaviour)
}

/** A connected client that collects what it receives and how it ends. */
async function open(): Promise<{ socket: Socket; received: () => string; ended: Promise<string> }> {
  const socket = connect(proxy.port, proxy.host)
  clients.push(socket)
  let text = ''
  socket.on('data', (chunk) => {
    text += chunk
  })
  const ended = new Promise<string>((resolve) => {
    socket.once('end', () => resolve('FIN'))
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
  })
  await once(socket, 'connect')
  return { socket, received: () => text, ended }
}

describe('FaultProxy', () => {
  it('forwards both ways, a half-close too, and counts', async () => {
    await start()
    const client = await open()
    client.socket.write('hello')
    expect(await settle(() => client.received().length, 5, 1000)).toBe(5)
    expect(proxy.counts).toEqual({ open: 1, total: 1, bytesToServer: 5, bytesToClient: 5, resets: 0 })
    client.socket.end('!')
    expect(await client.ended).toBe('FIN')
    expect(client.received()).toBe('hello!')
    expect(await settle(() => proxy.counts.open, 0, 1000)).toBe(0)
    expect(proxy.counts.resets).toBe(0)
  })

  it('moves more than the buffers hold, unchanged', async () => {
    await start()
    const client = await open()
    const sent = Buffer.alloc(4 << 20, 'airlock ')
    client.socket.end(sent)
    await client.ended
    expect(client.received() === sent.toString()).toBe(true)
  })

  it('stalls: accepts, never answers, does not contact the target', async () => {
    await start({ kind: 'stall' })
    const client = await open()
    client.socket.write('hello')
    await sleep(100)
    expect(client.received()).toBe('')
    expect(proxy.counts).toMatchObject({ open: 1, bytesToServer: 0 })
    client.socket.destroy()
    expect(await settle(() => proxy.counts.open, 0, 1000)).toBe(0)
  })

  it('refuses, and listens again at the same port', async () => {
    await start({ kind: 'refuse' })
    await expect(open()).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    await proxy.behave({ kind: 'forward' })
    const client = await open()
    client.socket.end('back')
    expect(await client.ended).toBe('FIN')
    await proxy.behave({ kind: 'refuse' })
    await expect(open()).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  })

  it('freezes with sockets open, hides the end of the peer, and thaws', async () => {
    await start()
    const client = await open()
    client.socket.write('1')
    expect(await settle(() => client.received().length, 1, 1000)).toBe(1)
    proxy.freeze()
    client.socket.write('23')
    await sleep(100)
    expect(client.received()).toBe('1')
    expect(await countSockets(proxy.port)).toBe(1)
    const late = await open()
    late.socket.write('x')
    await sleep(50)
    expect(late.received()).toBe('')
    proxy.thaw()
    expect(await settle(() => client.received().length, 3, 1000)).toBe(3)
    expect(await settle(() => late.received().length, 1, 1000)).toBe(1)
  })

  it.each([
    ['fin', 'FIN'],
    ['rst', 'ECONNRESET'],
  ] as const)('cuts on demand with %s', async (how, seen) => {
    await start()
    const client = await open()
    client.socket.write('abc')
    expect(await settle(() => client.received().length, 3, 1000)).toBe(3)
    proxy.cut(how)
    expect(await client.ended).toBe(seen)
    expect(await settle(() => proxy.counts.open, 0, 1000)).toBe(0)
    expect(proxy.counts.resets).toBe(how === 'rst' ? 1 : 0)
  })

  it('cuts after exactly so many bytes to the client', async () => {
    await start({ kind: 'cut', direction: 'toClient', afterBytes: 7, how: 'fin' })
    const client = await open()
    client.socket.write('abcd')
    client.socket.write('efghijkl')
    expect(await client.ended).toBe('FIN')
    expect(client.received()).toBe('abcdefg')
    expect(proxy.counts.bytesToClient).toBe(7)
  })

  it('cuts by a reset after so many bytes to the server', async () => {
    await start({ kind: 'cut', direction: 'toServer', afterBytes: 3, how: 'rst' })
    const client = await open()
    client.socket.write('abcdef')
    expect(await client.ended).toBe('ECONNRESET')
    expect(proxy.counts.bytesToServer).toBe(3)
  })

  it('throttles to a rate and delays each chunk', async () => {
    await start({ kind: 'throttle', bytesPerSecond: 100_000 })
    let begin = performance.now()
    const slow = await open()
    slow.socket.end(Buffer.alloc(30_000))
    await slow.ended
    expect(performance.now() - begin).toBeGreaterThan(280)
    await proxy.behave({ kind: 'delay', ms: 60 })
    begin = performance.now()
    const late = await open()
    late.socket.end('x')
    await late.ended
    expect(performance.now() - begin).toBeGreaterThan(115)
  })

  it('closes whatever state it is in, twice', async () => {
    await start()
    const idle = await open()
    proxy.freeze()
    const frozen = await open()
    frozen.socket.write('x')
    await sleep(20)
    await Promise.all([proxy.close(), proxy.close()])
    expect(['FIN', 'ECONNRESET']).toContain(await frozen.ended)
    expect(['FIN', 'ECONNRESET']).toContain(await idle.ended)
    expect(proxy.counts.open).toBe(0)
    expect(await settle(() => countSockets((echo.address() as AddressInfo).port), 0, 1000)).toBe(0)
  })

  it('resets the client when the target refuses', async () => {
    await start()
    echo.close()
    await once(echo, 'close')
    const client = await open()
    expect(await client.ended).toBe('ECONNRESET')
  })
})
