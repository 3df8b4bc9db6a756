import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { GraphqlServer } from '../drivers/graphql-server.js'

const PROGRAM = fileURLToPath(new URL('graphql-exit.ts', import.meta.url))

it('CN-12 a process that has closed its GraphQL sessions ends by itself (exit code, stderr, rows, sockets)', async () => {
  const server = await GraphqlServer.start()
  const child = spawn(process.execPath, ['--import', 'tsx', PROGRAM], {
    env: { PATH: process.env['PATH'], ENDPOINT: server.url },
  })
  try {
    const said: Buffer[] = []
    const errors: Buffer[] = []
    let closed = Number.NaN
    child.stdout.on('data', (chunk: Buffer) => {
      said.push(chunk)
      if (chunk.includes('closed')) closed = performance.now()
    })
    child.stderr.on('data', (chunk: Buffer) => errors.push(chunk))
    const [code, signal] = await once(child, 'exit')
    const took = performance.now() - closed
    expect([code, signal, String(Buffer.concat(said)), String(Buffer.concat(errors))]).toEqual([
      0,
      null,
      'rows 25\nclosed\n',
      '',
    ])
    // A second on an idle machine; a keep-alive that is left over would take four.
    expect(took).toBeLessThan(3_000)
    expect(server.sockets).toBe(0)
    expect(server.shop.written.length).toBeGreaterThan(0)
  } finally {
    child.kill('SIGKILL')
    await server.stop()
  }
}, 60_000)
