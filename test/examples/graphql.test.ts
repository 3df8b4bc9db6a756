import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { GraphqlServer } from '../drivers/graphql-server.js'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const TSX = join(ROOT, 'node_modules/tsx/dist/cli.mjs')

it('the example of a GraphQL service reads every order', async () => {
  const server = await GraphqlServer.start()
  try {
    server.allows = ({ authorization }) => authorization === 'Bearer some-token'
    server.shop.set({ orders: 120 })
    const args = [TSX, '--tsconfig', join(ROOT, 'examples/tsconfig.json'), join(ROOT, 'examples/read-graphql.mjs')]
    const env = { PATH: process.env['PATH'], API_URL: server.url, API_TOKEN: 'some-token' }
    const { stdout, stderr } = await promisify(execFile)(process.execPath, args, { cwd: ROOT, env })
    const lines = stdout.trimEnd().split('\n')
    expect([stderr, lines.length, lines[3], lines[4], lines.at(-1)]).toEqual([
      '',
      121,
      'o3  3.10  c3',
      'o4  4.10  -',
      '120 orders',
    ])
  } finally {
    await server.stop()
  }
}, 60_000)
