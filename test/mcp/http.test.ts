import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { request } from 'node:http'
import { describe, expect, inject, it, onTestFinished } from 'vitest'
import { Canaries, canary } from '../leaks/canaries.js'
import { BARE, call, ERAS, httpServer, overHttp, type Place, place } from './support.js'

const SLOW = { timeout: 60_000 }
const HELLO = {
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'x', version: '1' } },
}

/** One request with headers that a browser, or somebody who rebinds a name, could send. */
function post(url: string, headers: Readonly<Record<string, string>>, body: unknown = HELLO, method = 'POST') {
  return new Promise<{ status: number; headers: NodeJS.Dict<string | string[]>; text: string }>((resolve, reject) => {
    const sent = request(
      url,
      {
        method,
        headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream', ...headers },
      },
      (response) => {
        let text = ''
        response.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk
        })
        response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }))
      },
    )
    sent.on('error', reject)
    sent.end(method === 'POST' ? (typeof body === 'string' ? body : JSON.stringify(body)) : undefined)
  })
}

describe('the server over HTTP', () => {
  const token = canary('token')
  const hash = createHash('sha256').update(token).digest('hex')

  const files = { connections: { files: { driver: 'files', root: '.' } } }
  const serve = async (http: Readonly<Record<string, unknown>>, run: (url: string, here: Place) => Promise<void>) => {
    await using here = await place({ ...files, mcp: { http } })
    const server = await httpServer(inject('cli'), here.folder)
    await run(server.url, here)
    server.child.kill('SIGTERM')
    expect(await server.ended).toBe(143)
  }

  // Broken once: the check of the host, that of the origin.
  it('listens on loopback, answers its own host and origins, one path, bodies of a size', SLOW, async () => {
    await serve({ allowed_hosts: ['airlock.internal'], allowed_origins: ['app.example.com'] }, async (url) => {
      expect(new URL(url).hostname).toBe('127.0.0.1')
      const status = async (headers: Record<string, string>, to = url) => (await post(to, headers)).status
      expect(await status({})).toBe(200)
      expect(await status({ host: 'evil.example.com' })).toBe(403)
      expect(await status({ host: 'airlock.internal' })).toBe(200)
      expect(await status({ origin: 'https://evil.example.com' })).toBe(403)
      expect(await status({ origin: 'null' })).toBe(403)
      expect(await status({ origin: 'https://app.example.com' })).toBe(200)
      expect(await status({ origin: 'http://localhost:3000' })).toBe(200)
      expect(await status({}, url.replace('/mcp', '/'))).toBe(404)
      expect(await status({}, url.replace('/mcp', '/.well-known/oauth-protected-resource/mcp'))).toBe(404)
      expect((await post(url, {}, { ...HELLO, pad: 'x'.repeat(3 * 2 ** 20) })).status).toBe(413)
      expect((await post(url, { 'content-type': 'text/plain' })).status).toBe(415)
      expect((await post(url, {}, '{"jsonrpc"')).status).toBe(400)
      expect((await post(url, {}, '', 'GET')).status).toBe(405)
    })
  })

  // Broken once: the gate left open.
  it.each(ERAS)('takes bearer tokens by their hash, and passes none on: %s', SLOW, async (_, era) => {
    const http = {
      token_sha256: [hash],
      public_url: 'https://mcp.example.com/mcp',
      authorization_server: 'https://id.example.com',
    }
    await serve(http, async (url, here) => {
      const nobody = await post(url, {})
      expect(nobody.status).toBe(401)
      expect(nobody.headers['www-authenticate']).toContain(
        'resource_metadata="https://mcp.example.com/.well-known/oauth-protected-resource/mcp"',
      )
      expect((await post(url, { authorization: 'Bearer wrong' })).status).toBe(401)
      expect((await post(url, { authorization: `Basic ${token}` })).status).toBe(401)
      expect((await post(url, { authorization: `Bearer ${token}`, host: 'mcp.example.com' })).status).toBe(200)
      const metadata = await post(url.replace('/mcp', '/.well-known/oauth-protected-resource/mcp'), {}, '', 'GET')
      expect(JSON.parse(metadata.text)).toMatchObject({
        resource: 'https://mcp.example.com/mcp',
        authorization_servers: ['https://id.example.com'],
        bearer_methods_supported: ['header'],
      })
      const client = await overHttp(url, era, token)
      const runs = await call(client, 'runs_list')
      expect(runs.ok).toBe(true)
      await client.close()
      const records = await here.records()
      expect(records.find(({ type }) => type === 'agent.call')?.data).toMatchObject({
        client: `token-${hash.slice(0, 8)}`,
      })
      expect(new Canaries({ token }).in(JSON.stringify([records, nobody, runs.raw]))).toEqual([])
    })
  })

  it('asks the operator’s own verifier, by what it says', SLOW, async () => {
    await using here = await place({ ...files, mcp: { http: { verifier: 'verify.mjs' } } })
    await here.write(
      'verify.mjs',
      `export const verifyAccessToken = (token) => token === 'good'
        ? { token, clientId: 'alice', scopes: [], expiresAt: Date.now() / 1000 + 60 }
        : token === 'old' ? { token, clientId: 'bob', scopes: [], expiresAt: 1 } : Promise.reject(new Error('secret text'))`,
    )
    const { url } = await httpServer(inject('cli'), here.folder)
    const [good, old, bad] = await Promise.all(
      ['good', 'old', 'bad'].map((word) => post(url, { authorization: `Bearer ${word}` })),
    )
    expect([good!.status, old!.status]).toEqual([200, 401])
    expect(bad!.status).toBeGreaterThanOrEqual(400)
    expect(bad!.text).not.toContain('secret text')
    const client = await overHttp(url, 'legacy', 'good')
    await call(client, 'connections_list')
    const records = await here.records()
    expect(records.at(-1)).toMatchObject({ type: 'agent.call', outcome: 'ok' })
    expect(JSON.stringify(records)).toContain('"client":"alice"')
  })

  it.each([
    ['others can reach it and nobody is asked who they are', ['--host', '0.0.0.0'], {}, 4],
    ['the verifier is none', [], { verifier: 'airlock.yaml' }, 2],
    ['the port is none', ['--http', '99999'], {}, 2],
    ['a key is unknown', [], { verifyer: 'x' }, 2],
  ] as const)('does not start where %s', SLOW, async (_, args, http, code) => {
    await using here = await place({ ...files, mcp: { http } })
    const child = spawn(process.execPath, [inject('cli'), 'mcp', '--http', '0', ...args], {
      cwd: here.folder,
      env: BARE,
    })
    onTestFinished(() => void child.kill('SIGKILL'))
    let stderr = ''
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString()
    })
    expect(await new Promise((resolve) => child.once('close', resolve))).toBe(code)
    expect(stderr.trim().split('\n')).toHaveLength(1)
    expect(stderr).toMatch(
      /^airlock: (AGENT_REFUSED|CONFIG_INVALID|CONFIG_UNKNOWN_KEY|USAGE): .+\[ref [0-9a-f]{12}\]\n$/,
    )
  })
})
