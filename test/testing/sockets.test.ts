import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { networkInterfaces } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { countSockets, settle } from '../../src/testing/sockets.js'

/** The loopback addresses of this machine; containers often have no IPv6. */
const loopbacks = Object.values(networkInterfaces())
  .flatMap((addresses) => addresses ?? [])
  .map(({ address }) => address)
  .filter((address) => address === '127.0.0.1' || address === '::1')

describe('countSockets', () => {
  it.each(loopbacks)(
    'counts this end of connections over %s, open or half-closed, until they are closed',
    async (host) => {
      const server = createServer({ allowHalfOpen: true }, (socket) =>
        socket.on('error', () => socket.destroy()).resume(),
      ).listen(0, host)
      await once(server, 'listening')
      const { port } = server.address() as AddressInfo
      expect(await countSockets(port)).toBe(0)
      const sockets = [connect(port, host), connect(port, host), connect(port, host)]
      await Promise.all(sockets.map((socket) => once(socket, 'connect')))
      expect(await countSockets(port)).toBe(3)
      sockets[0]?.end() // FIN_WAIT: the peer has not closed, so the descriptor is still ours
      expect(await settle(() => countSockets(port), 3, 500)).toBe(3)
      sockets[1]?.resetAndDestroy()
      expect(await settle(() => countSockets(port), 2, 1000)).toBe(2)
      for (const socket of sockets) socket.destroy()
      expect(await settle(() => countSockets(port), 0, 1000)).toBe(0)
      expect(await countSockets(port, port + 1)).toBe(0)
      server.close()
    },
  )
})

describe('sockets of others', () => {
  it('are not counted', async () => {
    const server = createServer((socket) => socket.resume()).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const other = spawn(process.execPath, ['--eval', `require('net').connect(${port}, '127.0.0.1')`])
    try {
      await once(server, 'connection')
      expect(await countSockets(port)).toBe(0)
    } finally {
      other.kill('SIGKILL')
      await once(other, 'exit')
      server.close()
    }
  })
})

describe('settle', () => {
  it('gives the last value when the expected one does not come', async () => {
    const begin = performance.now()
    expect(await settle(() => 7, 0, 60)).toBe(7)
    expect(performance.now() - begin).toBeLessThan(1000)
  })

  it('does not take a passing value for the settled one', async () => {
    const values = [0, 0, 5, 5, 5, 5]
    expect(await settle(() => values.shift() ?? 5, 0, 150)).toBe(5)
  })

  it('waits for a value that comes late', async () => {
    let value = 1
    void sleep(80).then(() => {
      value = 0
    })
    expect(await settle(() => value, 0, 2000)).toBe(0)
  })
})
