import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { AirlockError } from '../../src/errors/index.js'
import { Secret } from '../../src/masking/index.js'
import { E2BSandboxPort } from '../../src/remote/e2b-sandbox-port.js'
import { type E2BServer, startE2BServer } from '../../src/testing/index.js'
import { bytesOf, describeLibraries, faultOf, live, portTo, REQUEST, sandboxOn } from './e2b.js'

let server: E2BServer
beforeAll(async () => {
  server = await startE2BServer()
})
afterAll(() => server.close())

const home = (id: string) => join(server.sandboxes().find((one) => one.id === id)!.directory, 'home/user')

describeLibraries((version) => {
  describe('sandboxes', () => {
    it('are created as asked: metadata, time, everything denied but what is allowed, killed at the end', async () => {
      const port = portTo(server)
      const network = {
        allowOut: ['192.0.2.7/32', 'api.example.com'],
        headers: { 'api.example.com': { Authorization: 'Bearer token' } },
      }
      const before = Date.now()
      const { id, envdVersion } = await port.create({ ...REQUEST, network }, live())
      expect(envdVersion).toBe('0.6.1')
      const created = server.requests.filter(({ at }) => at === 'create').at(-1)!
      // Both generations of the endpoint are asked for.
      expect(created.path).toBe(version === '2.51' ? '/v2/sandboxes' : '/sandboxes')
      expect(JSON.parse(created.body.toString())).toEqual({
        ...(version === '2.51' ? {} : { secure: true, allow_internet_access: true }),
        templateID: 'base',
        metadata: REQUEST.metadata,
        timeout: 180,
        autoPause: false,
        network: {
          allowOut: network.allowOut,
          denyOut: ['0.0.0.0/0'],
          allowPublicTraffic: false,
          rules: { 'api.example.com': [{ transform: { headers: { Authorization: 'Bearer token' } } }] },
        },
      })
      const made = server.sandboxes().find((one) => one.id === id)!
      expect(made.timeoutAt.getTime()).toBeGreaterThan(before + 179_000)
      expect(made.envs).toEqual({})
    })

    it('are found on every page', async () => {
      const port = portTo(server)
      const metadata = { app: 'airlock', deployment: `many-${version}` }
      for (let n = 0; n < 101; n++) await port.create({ ...REQUEST, metadata }, live())
      const found = await port.list(metadata, live())
      expect(new Set(found.map(({ id }) => id)).size).toBe(101)
      expect(server.requests.at(-1)!.path).toContain('nextToken=')
      for (const { id } of found) await server.killSandbox(id)
    })

    it('are found by all of their metadata, paused ones too', async () => {
      const port = portTo(server)
      const metadata = { app: 'airlock', deployment: `pages-${version}` }
      const ids = new Set<string>()
      for (let n = 0; n < 3; n++) {
        ids.add((await port.create({ ...REQUEST, metadata: { ...metadata, job: `j${n}` } }, live())).id)
      }
      await fetch(`${server.apiUrl}/sandboxes/${[...ids][0]}/pause`, {
        method: 'POST',
        headers: { 'X-API-KEY': server.apiKey },
      })
      const found = await port.list(metadata, live())
      expect(new Set(found.map(({ id }) => id))).toEqual(ids)
      expect(found.map(({ state }) => state).sort()).toEqual(['paused', 'running', 'running'])
      expect(found[0]!.startedAt.getTime()).toBeGreaterThan(Date.now() - 60_000)
      expect(await port.list({ ...metadata, job: 'j1' }, live())).toHaveLength(1)
    })

    it('are killed once; a second time there is nothing to kill', async () => {
      const { port, id } = await sandboxOn(server)
      expect(await port.kill(id, live())).toBe(true)
      expect(await port.kill(id, live())).toBe(false)
      expect(server.sandboxes().some((one) => one.id === id)).toBe(false)
    })

    it('live longer when extended, and shorter', async () => {
      const { port, id } = await sandboxOn(server)
      const left = () =>
        server
          .sandboxes()
          .find((one) => one.id === id)!
          .timeoutAt.getTime() - Date.now()
      await port.extend(id, 900, live())
      expect(left()).toBeGreaterThan(800_000)
      await port.extend(id, 60, live())
      expect(left()).toBeLessThan(61_000)
    })

    it('are restricted to what is said now, and to nothing', async () => {
      const { port, id } = await sandboxOn(server)
      const sent = () =>
        JSON.parse(
          server.requests
            .filter(({ at }) => at === 'network')
            .at(-1)!
            .body.toString(),
        )
      await port.restrict(id, { allowOut: ['192.0.2.9/32'] }, live())
      expect(sent()).toEqual({ allowOut: ['192.0.2.9/32'], denyOut: ['0.0.0.0/0'], rules: {} })
      await port.restrict(id, { allowOut: [] }, live())
      expect(sent()).toEqual({ allowOut: [], denyOut: ['0.0.0.0/0'], rules: {} })
    })

    it('are healthy until they are gone', async () => {
      const { port, id } = await sandboxOn(server)
      expect(await port.isHealthy(id, live())).toBe(true)
      await server.killSandbox(id)
      expect(await port.isHealthy(id, live())).toBe(false)
    })

    it('have figures', async () => {
      const { port, id } = await sandboxOn(server)
      const figures = await port.metrics(id, live())
      if (figures !== undefined)
        expect(figures).toEqual({ cpuPercent: expect.any(Number), memoryBytes: expect.any(Number) })
    })
  })

  describe('files', () => {
    it('arrive as they were sent, compressed on the way', async () => {
      const { port, id } = await sandboxOn(server)
      const data = Buffer.from('äß\u0000\n'.repeat(50_000))
      await port.upload(id, 'airlock/worker.cjs', data, live())
      expect(await port.sizeOf(id, 'airlock/worker.cjs', live())).toBe(data.length)
      expect(await bytesOf(await port.download(id, 'airlock/worker.cjs', 0, live()))).toEqual(data)
      const { headers } = server.requests.filter(({ at }) => at === 'upload').at(-1)!
      expect(headers['content-encoding']).toBe('gzip')
      expect(headers['content-type']).toBe('application/octet-stream')
    })

    it('are read from any byte on, uncompressed, with a signature that ends soon and without following anything', async () => {
      const { port, id } = await sandboxOn(server)
      const data = Buffer.from(Array.from({ length: 300_000 }, (_, n) => n % 251))
      await port.upload(id, 'data.bin', data, live())
      expect(await bytesOf(await port.download(id, 'data.bin', 123_457, live()))).toEqual(data.subarray(123_457))
      const { headers, path } = server.requests.filter(({ at }) => at === 'download').at(-1)!
      expect(headers['accept-encoding']).toBe('identity')
      expect(headers['range']).toBe('bytes=123457-')
      expect(headers['e2b-sandbox-id']).toBe(id)
      expect(headers['x-access-token']).toBeUndefined()
      expect(path).toMatch(/signature_expiration=\d+/)
    })

    it('have no size where there are none', async () => {
      const { port, id } = await sandboxOn(server)
      expect(await port.sizeOf(id, 'nothing', live())).toBeUndefined()
      expect(await port.sizeOf(id, '.', live())).toBeUndefined()
    })

    it('are listed relative to their folder; links are neither files nor folders', async () => {
      const { port, id } = await sandboxOn(server)
      const out = join(home(id), 'airlock/out')
      await mkdir(join(out, 'data/deep'), { recursive: true })
      await writeFile(join(out, 'report.json'), '{}')
      await writeFile(join(out, 'data/deep/x.csv'), 'a,b')
      await symlink('/etc/passwd', join(out, 'data/link'))
      const entries = await port.listFiles(id, 'airlock/out', live())
      const told = entries.map(({ path, kind, size }) => `${path} ${kind} ${kind === 'file' ? size : ''}`.trim()).sort()
      expect(told).toEqual([
        'data folder',
        'data/deep folder',
        'data/deep/x.csv file 3',
        'data/link other',
        'report.json file 2',
      ])
    })

    it('close the connection when nobody reads on', async () => {
      const { port, id } = await sandboxOn(server)
      await port.upload(id, 'big', Buffer.alloc(4_000_000, 'x'), live())
      for await (const chunk of await port.download(id, 'big', 0, live())) {
        expect(chunk.length).toBeGreaterThan(0)
        break
      }
      // The next one still gets all of it.
      expect(await bytesOf(await port.download(id, 'big', 3_999_990, live()))).toHaveLength(10)
    })
  })

  describe('commands', () => {
    const run = (command: string, out: string[] = [], err: string[] = []) => ({
      command,
      timeoutMs: 30_000,
      onStdout: (chunk: string) => out.push(chunk),
      onStderr: (chunk: string) => err.push(chunk),
    })

    it('say what they say, end as they end, and read what they are written', async () => {
      const { port, id } = await sandboxOn(server)
      const out: string[] = []
      const err: string[] = []
      const command = await port.start(id, run('read line; echo "got $line"; echo oops >&2; exit 7', out, err), live())
      expect(command.pid).toBeGreaterThan(0)
      await command.write('hello\n', live())
      expect(await command.ended).toEqual({ exitCode: 7, signal: undefined })
      expect([out.join(''), err.join('')]).toEqual(['got hello\n', 'oops\n'])
    })

    it('end with a signal by its name', async () => {
      const { port, id } = await sandboxOn(server)
      const command = await port.start(id, run('kill -9 $$'), live())
      expect(await command.ended).toEqual({ exitCode: -1, signal: 'SIGKILL' })
    })

    it('go on when nobody listens, and can be listened to again', async () => {
      const { port, id } = await sandboxOn(server)
      const first = await port.start(id, run('read a; echo "$a"; exit 3'), live())
      await first.detach()
      expect(await faultOf(first.ended)).toBe('aborted')
      const out: string[] = []
      const again = await port.attach(id, first.pid, run('', out), live())
      await again.write('again\n', live())
      expect(await again.ended).toEqual({ exitCode: 3, signal: undefined })
      expect(out.join('')).toBe('again\n')
    })

    it('stop being heard when the caller gives up', async () => {
      const { port, id } = await sandboxOn(server)
      const scope = new AbortController()
      const command = await port.start(id, run('sleep 30'), scope.signal)
      scope.abort()
      expect(await faultOf(command.ended)).toBe('aborted')
    })

    it('end with their time', async () => {
      const { port, id } = await sandboxOn(server)
      const command = await port.start(id, { ...run('sleep 30'), timeoutMs: 300 }, live())
      expect(await faultOf(command.ended)).toBe('deadline')
    })
  })

  describe('the environment', () => {
    const open = (variables: Record<string, string>, sandboxUrl?: string) => {
      const apiKey = new Secret('key', 'api_key')
      const port = new E2BSandboxPort({ connection: { apiKey, domain: 'e2b.app', sandboxUrl }, variables })
      onTestFinished(() => port.close())
    }

    it.each([['true'], ['1'], ['no']])(
      'is refused with E2B_DEBUG=%s, which makes kill do nothing and say it did',
      (value) => {
        expect(() => open({ E2B_DEBUG: value })).toThrow(AirlockError)
        expect(() => open({ E2B_DEBUG: value })).toThrow(/E2B_DEBUG is set/)
      },
    )

    it('is refused where it would send the traffic of sandboxes elsewhere', () => {
      expect(() => open({ E2B_SANDBOX_URL: 'http://elsewhere' })).toThrow(/E2B_SANDBOX_URL/)
      open({ E2B_SANDBOX_URL: 'http://elsewhere' }, 'https://here.example.com')
      open({ E2B_DEBUG: '' })
    })

    it('does not decide where requests go: create, list, kill and the rest go to one address', async () => {
      let elsewhere = 0
      const trap = createServer((_, response) => {
        elsewhere++
        response.writeHead(500).end()
      }).listen(0, '127.0.0.1')
      onTestFinished(() => void trap.close())
      await new Promise((resolve) => trap.once('listening', resolve))
      const url = `http://127.0.0.1:${(trap.address() as AddressInfo).port}`
      const set = { E2B_API_URL: url, E2B_SANDBOX_URL: url, E2B_DOMAIN: 'elsewhere.invalid', E2B_API_KEY: 'other' }
      const before = Object.fromEntries(Object.keys(set).map((name) => [name, process.env[name]]))
      Object.assign(process.env, set)
      onTestFinished(() => {
        for (const [name, value] of Object.entries(before)) {
          if (value === undefined) delete process.env[name]
          else process.env[name] = value
        }
      })
      const { port, id } = await sandboxOn(server)
      expect(await port.isHealthy(id, live())).toBe(true)
      await port.upload(id, 'x', Buffer.from('x'), live())
      expect(await bytesOf(await port.download(id, 'x', 0, live()))).toHaveLength(1)
      await port.extend(id, 60, live())
      await port.restrict(id, { allowOut: [] }, live())
      await port.metrics(id, live())
      expect((await port.list({ app: 'airlock' }, live())).length).toBeGreaterThan(0)
      expect(await port.kill(id, live())).toBe(true)
      expect(elsewhere).toBe(0)
    })
  })
})
