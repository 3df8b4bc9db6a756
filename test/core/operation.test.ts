import { createServer, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it, onTestFinished } from 'vitest'
import { dial } from '../../src/core/dial.js'
import { Operation, silenceLimit } from '../../src/core/operation.js'
import { mysql, postgres, supabase, supabaseRest } from '../../src/drivers/index.js'
import { Secret } from '../../src/masking/secret.js'

describe('how long a peer may be silent', () => {
  it.each([
    [{}, undefined],
    [{ silence_timeout_ms: 0 }, undefined],
    [{ silence_timeout_ms: 0, statement_timeout_ms: 0 }, undefined],
    [{ silence_timeout_ms: 5_000 }, 5_000],
    [{ silence_timeout_ms: 0, statement_timeout_ms: 300 }, 1_300],
    [{ silence_timeout_ms: 5_000, statement_timeout_ms: 300 }, 1_300],
    [{ silence_timeout_ms: 5_000, statement_timeout_ms: 60_000 }, 5_000],
    [{ silence_timeout_ms: 5_000, statement_timeout_ms: 0 }, 5_000],
  ])('%o: %s ms', (config, limit) => {
    expect(silenceLimit(config)).toBe(limit)
  })

  it('has a default for every connection, and can be switched off', () => {
    const key = new Secret('k', 'k')
    const all = [
      mysql.spec.config.parse({}),
      postgres.spec.config.parse({}),
      supabase.spec.config.parse({ project_ref: 'abc' }),
      supabaseRest.spec.config.parse({ project_ref: 'abc', key }),
    ]
    for (const config of all) expect(silenceLimit(config)).toBe(3_600_000)
    expect(silenceLimit(mysql.spec.config.parse({ silence_timeout_ms: 0, statement_timeout_ms: 0 }))).toBeUndefined()
  })
})

describe('an operation', () => {
  const connected = async (serve: (socket: Socket) => void): Promise<Socket> => {
    const server = createServer((socket) => serve(socket.on('error', () => socket.destroy())))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as { port: number }
    const socket = await dial({ host: '127.0.0.1', port }, AbortSignal.timeout(5_000))
    onTestFinished(() => {
      socket.destroy()
      server.close()
    })
    return socket.on('error', () => undefined)
  }

  it('ends at the silence of its peer, and a second later its socket is gone', async () => {
    const socket = await connected(() => undefined)
    const operation = new Operation('query', undefined, { socket, silenceMs: 200 })
    await new Promise((resolve) => operation.signal.addEventListener('abort', resolve))
    expect(operation.signal.reason).toMatchObject({ code: 'DEADLINE_EXCEEDED' })
    expect(socket.destroyed).toBe(false)
    await new Promise((resolve) => socket.once('close', resolve))
    operation.end()
  })

  it('goes on while bytes come, while somebody else has to move, and after its end', async () => {
    const socket = await connected((peer) => {
      const timer = setInterval(() => peer.write('x'), 40)
      peer.on('close', () => clearInterval(timer))
    })
    socket.resume()
    const operation = new Operation('query', undefined, { socket, silenceMs: 400 })
    await sleep(1_000)
    socket.pause()
    operation.expectOthers()
    await sleep(1_000)
    expect(operation.signal.aborted).toBe(false)
    operation.expectPeer()
    operation.end()
    await sleep(1_000)
    expect(operation.signal.aborted).toBe(false)
    expect(socket.destroyed).toBe(false)
  })

  // A session over HTTP goes on over another socket than its first. Seen red without the look at `destroyed`.
  it('takes a socket that is gone for no silent peer', async () => {
    const socket = await connected(() => undefined)
    socket.destroy()
    const operation = new Operation('extract', undefined, { socket, silenceMs: 100 })
    await sleep(500)
    expect(operation.signal.aborted).toBe(false)
    operation.end()
  })
})
