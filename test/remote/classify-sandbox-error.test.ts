import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { Secret } from '../../src/masking/index.js'
import { classifySandboxError, faultOfStatus } from '../../src/remote/classify-sandbox-error.js'
import { E2BSandboxPort, type PortLimits } from '../../src/remote/e2b-sandbox-port.js'
import { SandboxFault } from '../../src/remote/sandbox-fault.js'
import { type E2BFault, type E2BServer, startE2BServer } from '../../src/testing/index.js'
import { bytesOf, describeLibraries, faultOf, live, portTo, REQUEST, sandboxOn } from './e2b.js'

let server: E2BServer
beforeAll(async () => {
  server = await startE2BServer()
})
afterAll(() => server.close())

/** How often the injected faults have happened. */
let hits: () => number
const inject = (fault: E2BFault) => {
  const handle = server.inject(fault)
  hits = () => handle.hits
  onTestFinished(() => handle.remove())
}
beforeEach(() => {
  hits = () => 0
})

/** Long enough for a busy machine to send a request in. */
const STALL_MS = 1500
/** A limit that only silence is to reach. */
const short = (kind: string, limit: keyof PortLimits): Partial<PortLimits> =>
  kind.startsWith('stall') ? { [limit]: STALL_MS } : {}

describeLibraries(() => {
  describe('calls to the platform', () => {
    it.each([
      ['invalid', 'invalid 400'],
      ['unauthorized', 'auth'],
      ['forbidden', 'auth 403'],
      ['not-found', 'not_found 404'],
      ['rate-limited', 'rate_limited'],
      ['rate-limited-bare', 'rate_limited'],
      ['busy', 'busy 503'],
      ['server-error', 'server_error 500'],
      ['bad-gateway', 'server_error 502'],
      ['no-space', 'no_space 507'],
      ['reset', 'connection_lost'],
      ['reply-lost', 'connection_lost'],
      ['stall', 'deadline'],
    ] as const)('create: %s is %s', async (kind, expected) => {
      inject({ at: 'create', kind, times: 'always' })
      expect(await faultOf(portTo(server, short(kind, 'createMs')).create(REQUEST, live()))).toBe(expected)
      // Nothing is repeated unseen.
      expect(hits()).toBe(1)
    })

    it.each([
      ['list', (port: E2BSandboxPort) => port.list({ app: 'airlock' }, live())],
      ['kill', (port: E2BSandboxPort, id: string) => port.kill(id, live())],
      ['timeout', (port: E2BSandboxPort, id: string) => port.extend(id, 60, live())],
      ['network', (port: E2BSandboxPort, id: string) => port.restrict(id, { allowOut: [] }, live())],
      ['metrics', (port: E2BSandboxPort, id: string) => port.metrics(id, live())],
    ] as const)('%s: 500, 429, a reset and silence are what they are', async (at, call) => {
      const { port, id } = await sandboxOn(server, { callMs: STALL_MS })
      const found: string[] = []
      for (const kind of ['server-error', 'rate-limited', 'reset', 'stall', 'unauthorized', 'busy'] as const) {
        inject({ at, kind } as E2BFault)
        found.push(await faultOf(call(port, id)))
        expect(hits()).toBe(1)
      }
      expect(found).toEqual(['server_error 500', 'rate_limited', 'connection_lost', 'deadline', 'auth', 'busy 503'])
    })

    it('of a sandbox that is gone say so', async () => {
      const { port, id } = await sandboxOn(server)
      await server.killSandbox(id)
      expect(await faultOf(port.extend(id, 60, live()))).toBe('gone')
      expect(await faultOf(port.restrict(id, { allowOut: [] }, live()))).toBe('gone')
      expect(await faultOf(port.metrics(id, live()))).toBe('gone')
    })

    it('carry how long the platform asks to wait, each its own', async () => {
      const port = portTo(server)
      const waits = async (retryAfterSeconds: number | undefined) => {
        if (retryAfterSeconds === undefined) inject({ at: 'create', kind: 'rate-limited-bare' })
        else inject({ at: 'create', kind: 'rate-limited', retryAfterSeconds })
        return await port.create(REQUEST, live()).then(
          () => 'none',
          (error: SandboxFault) => error.retryAfterMs,
        )
      }
      expect([await waits(7), await waits(undefined), await waits(2)]).toEqual([7000, undefined, 2000])
    })

    it('with a wrong key are refused', async () => {
      expect(await faultOf(portTo(server, {}, 'wrong').create(REQUEST, live()))).toBe('auth')
    })

    it('given up by the caller are aborted, before and meanwhile', async () => {
      const port = portTo(server)
      expect(await faultOf(port.create(REQUEST, AbortSignal.abort()))).toBe('aborted')
      inject({ at: 'create', kind: 'stall' })
      const scope = new AbortController()
      const pending = faultOf(port.create(REQUEST, scope.signal))
      await expect.poll(hits).toBe(1)
      scope.abort()
      expect(await pending).toBe('aborted')
    })

    it('that nobody answers lost their connection', async () => {
      const apiKey = new Secret('key', 'api_key')
      const port = new E2BSandboxPort({
        connection: { apiKey, domain: 'x.invalid', apiUrl: 'http://127.0.0.1:9', sandboxUrl: 'http://127.0.0.1:9' },
        variables: {},
      })
      onTestFinished(() => port.close())
      expect(await faultOf(port.create(REQUEST, live()))).toBe('connection_lost')
    })

    it.each([
      ['no JSON', 'nonsense', 'unknown'],
      ['an id that is no id', JSON.stringify({ sandboxID: '../../x', envdVersion: '0.6.1' }), 'server_error'],
    ])('answered with %s are failures', async (_, body, expected) => {
      const port = await fakePort((_request, response) => {
        response.writeHead(201, { 'content-type': 'application/json' }).end(body)
      })
      expect(await faultOf(port.create(REQUEST, live()))).toBe(expected)
    })

    it('list nothing that was not asked for, also where the platform does not filter', async () => {
      const all = ['d1', 'd2'].map((deployment, n) => ({
        ...{ sandboxID: `s${n}`, templateID: 'base', clientID: 'c', state: 'running', envdVersion: '0.6.1' },
        ...{ startedAt: new Date().toISOString(), endAt: new Date().toISOString(), cpuCount: 2, memoryMB: 512 },
        metadata: { app: 'airlock', deployment },
      }))
      const port = await fakePort((_request, response) => {
        response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(all))
      })
      const found = await port.list({ app: 'airlock', deployment: 'd2' }, live())
      expect(found.map(({ id }) => id)).toEqual(['s1'])
    })

    it('answered with pages that never end are failures', async () => {
      const port = await fakePort((_request, response) => {
        response.writeHead(200, { 'content-type': 'application/json', 'x-next-token': 'again' }).end('[]')
      })
      expect(await faultOf(port.list({}, live()))).toBe('server_error')
    })
  })

  describe('downloads', () => {
    const get = async (kind: Extract<E2BFault, { at: 'download' }>['kind'], from = 0) => {
      const { port, id } = await sandboxOn(server, short(kind, 'idleMs'))
      await port.upload(id, 'file', Buffer.alloc(500_000, 'x'), live())
      inject({ at: 'download', kind, times: 'always' })
      const outcome = await faultOf(port.download(id, 'file', from, live()).then(bytesOf))
      expect(hits()).toBe(1)
      return outcome
    }

    it.each([
      ['not-found', 'not_found 404'],
      ['invalid', 'invalid 400'],
      ['unauthorized', 'auth 401'],
      ['forbidden', 'auth 403'],
      ['rate-limited', 'rate_limited 429'],
      ['server-error', 'server_error 500'],
      ['bad-gateway', 'server_error 502'],
      ['busy', 'busy 503'],
      ['no-space', 'no_space 507'],
      ['reset', 'connection_lost'],
      ['reset-in-body', 'connection_lost'],
      ['fin-early', 'connection_lost'],
      ['stall', 'deadline'],
      ['stall-in-body', 'deadline'],
    ] as const)('%s is %s', async (kind, expected) => {
      expect(await get(kind)).toBe(expected)
    })

    it.each([['short'], ['bit-flip'], ['garbage']] as const)('%s is success: only a digest tells', async (kind) => {
      expect(await get(kind)).toBe('none')
    })

    it('of a file that is not there is not_found', async () => {
      const { port, id } = await sandboxOn(server)
      expect(await faultOf(port.download(id, 'nothing', 0, live()))).toBe('not_found 404')
    })

    it('of a sandbox that is gone, before and meanwhile, is gone', async () => {
      const { port, id } = await sandboxOn(server, { idleMs: 5000 })
      await port.upload(id, 'file', Buffer.alloc(8_000_000, 'x'), live())
      inject({ at: 'download', kind: 'stall-in-body', after: 100_000 })
      const reading = faultOf(port.download(id, 'file', 0, live()).then(bytesOf))
      await expect.poll(hits).toBe(1)
      await server.killSandbox(id)
      expect(await reading).toBe('gone')
      expect(await faultOf(port.download(id, 'file', 0, live()))).toBe('gone 502')
    })

    it('given up by the caller are aborted', async () => {
      const { port, id } = await sandboxOn(server)
      await port.upload(id, 'file', Buffer.alloc(500_000, 'x'), live())
      const scope = new AbortController()
      inject({ at: 'download', kind: 'stall-in-body' })
      const reading = faultOf(port.download(id, 'file', 0, scope.signal).then(bytesOf))
      await expect.poll(hits).toBe(1)
      scope.abort()
      expect(await reading).toBe('aborted')
    })

    it.each([
      ['a redirect', 302, { location: '/elsewhere' }, 'refused 302'],
      ['a range that is ignored', 200, {}, 'server_error 200'],
      ['another range', 206, { 'content-range': 'bytes 0-9/10' }, 'server_error 206'],
      ['no range that is there', 416, {}, 'invalid 416'],
    ] as const)('answered with %s are failures', async (_, status, headers, expected) => {
      const port = await fakePort((request, response) => {
        if (request.method === 'POST') respondCreated(response)
        else response.writeHead(status, headers).end('0123456789')
      })
      const { id } = await port.create(REQUEST, live())
      expect(await faultOf(port.download(id, 'file', 5, live()).then(bytesOf))).toBe(expected)
    })

    it('work without a signature where a sandbox has no token', async () => {
      const port = await fakePort((request, response) => {
        const body = { sandboxID: 'abc', envdVersion: '0.6.1', templateID: 'base', clientID: 'c' }
        if (request.method === 'POST') {
          response.writeHead(201, { 'content-type': 'application/json' }).end(JSON.stringify(body))
        } else response.writeHead(200).end(request.url)
      })
      const { id } = await port.create(REQUEST, live())
      const url = String(await bytesOf(await port.download(id, 'file', 0, live())))
      expect(url).toContain('path=file')
      expect(url).not.toContain('signature')
    })

    it('that are compressed nevertheless are failures', async () => {
      const port = await fakePort((request, response) => {
        if (request.method === 'POST') respondCreated(response)
        else response.writeHead(200, { 'content-encoding': 'gzip' }).end('x')
      })
      const { id } = await port.create(REQUEST, live())
      expect(await faultOf(port.download(id, 'file', 0, live()).then(bytesOf))).toBe('server_error 200')
    })
  })

  describe('other calls to a sandbox', () => {
    it.each([
      ['invalid', 'invalid'],
      ['unauthorized', 'auth'],
      ['not-found', 'not_found'],
      ['server-error', 'server_error 500'],
      ['bad-gateway', 'server_error'],
      ['busy', 'busy 503'],
      ['no-space', 'no_space'],
      ['reset', 'connection_lost'],
      ['stall', 'deadline'],
    ] as const)('upload: %s is %s', async (kind, expected) => {
      const { port, id } = await sandboxOn(server, short(kind, 'uploadMs'))
      inject({ at: 'upload', kind, times: 'always' })
      expect(await faultOf(port.upload(id, 'file', Buffer.from('x'), live()))).toBe(expected)
      expect(hits()).toBe(1)
    })

    it.each([
      ['stat', (port: E2BSandboxPort, id: string) => port.sizeOf(id, 'file', live())],
      ['listDir', (port: E2BSandboxPort, id: string) => port.listFiles(id, '.', live())],
    ] as const)('%s: what the sandbox says and what the connection does', async (at, call) => {
      const { port, id } = await sandboxOn(server, { callMs: STALL_MS })
      await port.upload(id, 'file', Buffer.from('x'), live())
      const found: string[] = []
      for (const kind of [
        'invalid',
        'unauthorized',
        'forbidden',
        'server-error',
        'bad-gateway',
        'reset',
        'stall',
      ] as const) {
        inject({ at, kind })
        found.push(await faultOf(call(port, id)))
        expect(hits()).toBe(1)
      }
      expect(found).toEqual(['invalid', 'auth', 'auth', 'server_error', 'server_error', 'connection_lost', 'deadline'])
    })

    it('of a sandbox that is gone are gone, by all the names that the library has for it', async () => {
      const { port, id } = await sandboxOn(server)
      await server.killSandbox(id)
      const request = { command: 'true', timeoutMs: 1000, onStdout: nothing, onStderr: nothing }
      const found = [
        await faultOf(port.upload(id, 'file', Buffer.from('x'), live())),
        await faultOf(port.sizeOf(id, 'file', live())),
        await faultOf(port.listFiles(id, '.', live())),
        await faultOf(port.start(id, request, live())),
        await faultOf(port.attach(id, 1, request, live())),
        await faultOf(port.download(id, 'file', 0, live())),
      ]
      expect(found.map((one) => one.split(' ')[0])).toEqual(['gone', 'gone', 'gone', 'gone', 'gone', 'gone'])
    })

    it('of a sandbox that this port has never seen are gone', async () => {
      expect(await faultOf(portTo(server).sizeOf('unknown', 'file', live()))).toBe('gone')
    })
  })

  describe('commands', () => {
    const request = { command: 'echo a; sleep 30', timeoutMs: 20_000, onStdout: nothing, onStderr: nothing }

    it.each([
      ['invalid', 'invalid 400'],
      ['unauthorized', 'auth'],
      ['forbidden', 'auth 403'],
      ['server-error', 'server_error 500'],
      ['bad-gateway', 'server_error'],
      ['reset', 'connection_lost'],
      ['stall', 'deadline'],
    ] as const)('start: %s is %s', async (kind, expected) => {
      const { port, id } = await sandboxOn(server, short(kind, 'startMs'))
      inject({ at: 'start', kind, times: 'always' })
      expect(await faultOf(port.start(id, request, live()))).toBe(expected)
      expect(hits()).toBe(1)
    })

    it.each([
      ['cut', 'connection_lost'],
      ['no-end', 'unknown'],
      ['sandbox-killed', 'gone'],
      ['sandbox-expired', 'gone'],
    ] as const)('stream: %s is %s', async (kind, expected) => {
      const { port, id } = await sandboxOn(server)
      inject({ at: 'stream', kind, after: 1 })
      const command = await port.start(id, { ...request, command: 'echo a; sleep 1' }, live())
      expect(await faultOf(command.ended)).toBe(expected)
      expect(hits()).toBe(1)
    })

    it('killed from outside end with their signal', async () => {
      const { port, id } = await sandboxOn(server)
      inject({ at: 'stream', kind: 'process-killed', after: 1 })
      const command = await port.start(id, request, live())
      expect(await command.ended).toEqual({ exitCode: -1, signal: 'SIGKILL' })
    })

    it.each([
      ['refused', /^(invalid|server_error|not_found)$/],
      ['reset', /^connection_lost$/],
      ['stall', /^deadline$/],
      ['server-error', /^server_error$/],
    ] as const)('stdin: %s is a fault', async (kind, expected) => {
      const { port, id } = await sandboxOn(server, short(kind, 'callMs'))
      const command = await port.start(id, request, live())
      inject({ at: 'stdin', kind })
      expect(await faultOf(command.write('x\n', live()))).toMatch(expected)
      expect(hits()).toBe(1)
    })

    it('that are not there cannot be listened to', async () => {
      const { port, id } = await sandboxOn(server)
      expect(await faultOf(port.attach(id, 4_000_000, request, live()))).toBe('not_found')
    })
  })
})

describe('the class', () => {
  const context = { aborted: false, expired: false }
  const named = (name: string, message = '', more: object = {}) => Object.assign(new Error(message), { name, ...more })
  const classOf = async (error: unknown, more: object = {}) =>
    (await classifySandboxError(error, { ...context, ...more })).faultClass

  it('is that of whoever gave up first', async () => {
    expect(await classOf(named('RateLimitError'), { aborted: true, expired: true })).toBe('aborted')
    expect(await classOf(named('RateLimitError'), { expired: true })).toBe('deadline')
  })

  it('is asked of the sandbox only where it is open', async () => {
    const asked: string[] = []
    const isAlive = (answer: boolean | undefined) => async () => {
      asked.push(String(answer))
      return answer
    }
    const cut = named('SandboxError', '2: [unknown] terminated')
    expect(await classOf(cut, { isAlive: isAlive(false) })).toBe('gone')
    expect(await classOf(cut, { isAlive: isAlive(true) })).toBe('connection_lost')
    expect(await classOf(cut, { isAlive: isAlive(undefined) })).toBe('connection_lost')
    const unavailable = named('TimeoutError', '[unavailable] whatever')
    expect(await classOf(unavailable, { isAlive: isAlive(false) })).toBe('gone')
    expect(await classOf(unavailable, { isAlive: isAlive(true) })).toBe('server_error')
    expect(await classOf(unavailable, { isAlive: isAlive(undefined) })).toBe('connection_lost')
    expect(asked).toHaveLength(6)
    expect(await classOf(named('AuthenticationError'), { isAlive: isAlive(false) })).toBe('auth')
    expect(asked).toHaveLength(6)
  })

  it.each([
    [named('SandboxError', '500: what a server said'), 'server_error'],
    [named('SandboxError', 'x', { statusCode: 409 }), 'invalid'],
    [named('SandboxError', '2: [unknown] HTTP 500'), 'server_error'],
    [named('TimeoutError', '[unavailable] HTTP 503: likely due to something'), 'busy'],
    [named('TimeoutError', '[unavailable] HTTP 429: likely due to something'), 'rate_limited'],
    [named('SandboxError', '13: [internal] x'), 'server_error'],
    [named('SandboxError', '7: [permission_denied] x'), 'auth'],
    [named('SandboxError', '9: [failed_precondition] x'), 'invalid'],
    [named('SandboxError', 'Process exited without a result'), 'unknown'],
    [named('TimeoutError', '[deadline_exceeded] x'), 'deadline'],
    [named('TimeoutError', '[canceled] x'), 'deadline'],
    [named('ServiceBusyError'), 'busy'],
    [named('NotEnoughSpaceError'), 'no_space'],
    [named('TemplateError'), 'refused'],
    [new DOMException('x', 'TimeoutError'), 'deadline'],
    [new DOMException('x', 'AbortError'), 'connection_lost'],
    [new TypeError('terminated'), 'connection_lost'],
    [new TypeError('fetch failed', { cause: Object.assign(new Error(), { code: 'ECONNREFUSED' }) }), 'connection_lost'],
    [new TypeError('fetch failed', { cause: Object.assign(new Error(), { code: 'CERT_HAS_EXPIRED' }) }), 'refused'],
    [Object.assign(new Error(), { code: 'UND_ERR_BODY_TIMEOUT' }), 'deadline'],
    [Object.assign(new Error(), { code: 'UND_ERR_SOCKET' }), 'connection_lost'],
    [new TypeError("Cannot read properties of undefined (reading 'sandboxID')"), 'unknown'],
    ['no error at all', 'unknown'],
    [undefined, 'unknown'],
    [new SandboxFault('no_space'), 'no_space'],
  ])('of %s is %s', async (error, expected) => {
    expect(await classOf(error)).toBe(expected)
  })

  it('of a status is one of the closed list', () => {
    const found = [301, 400, 401, 403, 404, 409, 422, 429, 500, 502, 503, 504, 507].map((status) =>
      faultOfStatus(status),
    )
    expect(found).toEqual([
      ...['refused', 'invalid', 'auth', 'auth', 'not_found', 'invalid', 'invalid', 'rate_limited', 'server_error'],
      ...['server_error', 'busy', 'server_error', 'no_space'],
    ])
  })

  it('carries no text of the library', async () => {
    const fault = await classifySandboxError(named('SandboxError', '500: secret body'), context)
    expect(JSON.stringify(fault) + fault.message + fault.stack + String(fault.cause)).not.toContain('secret')
  })
})

function nothing(): void {
  // What these commands say does not matter.
}

function respondCreated(response: Parameters<RequestListener>[1]): void {
  const body = { sandboxID: 'abc', envdVersion: '0.6.1', envdAccessToken: 'token', templateID: 'base', clientID: 'c' }
  response.writeHead(201, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}

/** A port to a server that answers as it is told, for answers that no platform should give. */
async function fakePort(listener: RequestListener): Promise<E2BSandboxPort> {
  const fake = createServer(listener).listen(0, '127.0.0.1')
  await new Promise((resolve) => fake.once('listening', resolve))
  onTestFinished(() => {
    fake.closeAllConnections()
    fake.close()
  })
  const url = `http://127.0.0.1:${(fake.address() as AddressInfo).port}`
  const apiKey = new Secret('key', 'api_key')
  const connection = { apiKey, domain: 'x.invalid', apiUrl: url, sandboxUrl: url }
  const port = new E2BSandboxPort({ connection, variables: {} })
  onTestFinished(() => port.close())
  return port
}
