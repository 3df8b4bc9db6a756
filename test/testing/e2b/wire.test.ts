import { connect } from 'node:net'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { readFrame, writeFrame } from '../../../src/testing/e2b/connect-frames.js'
import { type E2BServer, startE2BServer } from '../../../src/testing/e2b/server.js'
import { settle } from '../../../src/testing/sockets.js'

// What stands on the wire, without the SDK: shapes of the vendor's OpenAPI and .proto files in github.com/e2b-dev.

let server: E2BServer
let sandbox: Record<string, string>

beforeEach(async () => {
  server = await startE2BServer()
  sandbox = (await (await api('POST', '/v2/sandboxes', { templateID: 'base' })).json()) as Record<string, string>
})
afterEach(() => server.close())

const api = (method: string, path: string, body?: object): Promise<Response> =>
  fetch(`${server.apiUrl}${path}`, {
    method,
    headers: { 'x-api-key': server.apiKey },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })

const envd = (path: string, body: Buffer | string, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(`${server.sandboxUrl}${path}`, {
    method: 'POST',
    headers: {
      'content-type': typeof body === 'string' ? 'application/json' : 'application/connect+json',
      'e2b-sandbox-id': sandbox['sandboxID']!,
      'x-access-token': sandbox['envdAccessToken']!,
      ...headers,
    },
    body,
  })

const start = (command: string, headers: Record<string, string> = {}): Promise<Response> => {
  const process = { cmd: '/bin/bash', args: ['-l', '-c', command] }
  return envd('/process.Process/Start', writeFrame({ process, stdin: false }), headers)
}

/** The frames of a whole body: flags and messages. */
function framesOf(body: Buffer): [flags: number, message: unknown][] {
  const frames: [number, unknown][] = []
  for (let at = 0; at < body.length; at += 5 + body.readUInt32BE(at + 1)) {
    frames.push([body[at]!, readFrame(body.subarray(at))])
  }
  return frames
}

it('frames the events of a command', async () => {
  const reply = await start('printf a; printf b >&2; exit 3')
  expect([reply.status, reply.headers.get('content-type')]).toEqual([200, 'application/connect+json'])
  const frames = framesOf(Buffer.from(await reply.arrayBuffer()))
  const end = { exitCode: 3, exited: true, status: 'exit status 3', error: 'exit status 3' }
  expect(frames[0]).toEqual([0, { event: { start: { pid: expect.any(Number) } } }])
  expect(frames).toContainEqual([0, { event: { data: { stdout: 'YQ==' } } }])
  expect(frames).toContainEqual([0, { event: { data: { stderr: 'Yg==' } } }])
  expect(frames.slice(3)).toEqual([
    [0, { event: { end } }],
    [2, {}],
  ])
})

it('tells errors of a stream in its last frame, and what stands before envd by a status', async () => {
  const frame = writeFrame({ process: { cmd: '/no/such/program', args: [] } })
  const reply = await envd('/process.Process/Start', frame)
  expect(reply.status).toBe(200)
  expect(framesOf(Buffer.from(await reply.arrayBuffer()))).toEqual([
    [2, { error: { code: 'invalid_argument', message: expect.stringContaining('ENOENT') } }],
  ])
  const torn = await envd('/process.Process/Start', Buffer.from([0, 0, 0, 0, 9, 1]))
  expect(framesOf(Buffer.from(await torn.arrayBuffer()))[0]?.[1]).toMatchObject({ error: { code: 'invalid_argument' } })
  await api('DELETE', `/sandboxes/${sandbox['sandboxID']}`)
  const dead = await start('true')
  expect(dead.status).toBe(502)
  expect(await dead.json()).toEqual({
    sandboxId: sandbox['sandboxID'],
    message: 'The sandbox was not found',
    code: 502,
  })
})

it('tells other errors as {code, message}', async () => {
  const errors = [
    [await api('GET', '/sandboxes/inobody'), 404, 404],
    [await api('POST', '/v2/sandboxes', {}), 400, 400],
    [await api('POST', '/v2/sandboxes', { templateID: 'base', timeout: 'long' }), 400, 400],
    [await api('GET', '/nowhere'), 404, 404],
    [await api('GET', '/templates'), 501, 501],
    [await envd('/filesystem.Filesystem/Stat', '{"path":"none"}'), 404, 'not_found'],
    [await envd('/filesystem.Filesystem/MakeDir', '{"path":"~"}'), 409, 'already_exists'],
    [await envd('/filesystem.Filesystem/CreateWatcher', '{"path":"."}'), 501, 'unimplemented'],
    [await envd('/files?path=a', 'text'), 400, 400],
  ] as const
  for (const [reply, status, code] of errors) {
    expect(reply.status).toBe(status)
    expect(await reply.json()).toEqual({ code, message: expect.any(String) })
  }
  expect(server.requests.filter(({ at }) => at === 'other')).toHaveLength(3)
})

it('writes entries as JSON of protobuf does: numbers of 64 bits as text, enums by name, times by RFC 3339', async () => {
  const reply = await envd('/filesystem.Filesystem/Stat', '{"path":"~/.profile"}')
  const { entry } = (await reply.json()) as { entry: Record<string, unknown> }
  expect(entry).toMatchObject({ name: '.profile', path: '/home/user/.profile', type: 'FILE_TYPE_FILE' })
  expect(entry['size']).toMatch(/^\d+$/)
  expect(entry['modifiedTime']).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
})

it('keeps a silent stream alive', async () => {
  const reply = await start('sleep 1.5', { 'keepalive-ping-interval': '1' })
  const messages = framesOf(Buffer.from(await reply.arrayBuffer())).map(([, message]) => message)
  expect(messages).toContainEqual({ event: { keepalive: {} } })
})

it('ends a stream at its deadline by itself, whatever the client does', async () => {
  const reply = await start('echo out; sleep 60', { 'connect-timeout-ms': '300' })
  const frames = framesOf(Buffer.from(await reply.arrayBuffer()))
  expect(frames.at(-1)).toEqual([2, { error: { code: 'deadline_exceeded', message: expect.any(String) } }])
  expect(await settle(() => server.processes().length, 0, 2000)).toBe(0)
})

it('holds a command back while its client does not read', async () => {
  const reply = await start('head -c 40000000 /dev/zero; touch done')
  const isDone = async (): Promise<number> =>
    (await envd('/filesystem.Filesystem/Stat', '{"path":"done"}')).status === 200 ? 1 : 0
  expect(await settle(isDone, 1, 700)).toBe(0)
  let length = 0
  for (const [, message] of framesOf(Buffer.from(await reply.arrayBuffer()))) {
    const { event } = message as { event?: { data?: { stdout?: string } } }
    length += Buffer.from(event?.data?.stdout ?? '', 'base64').length
  }
  expect(length).toBe(40_000_000)
  expect(await isDone()).toBe(1)
})

it('survives what is no request of the SDK', async () => {
  const port = Number(new URL(server.apiUrl).port)
  for (const target of ['//', 'http://a.example.com:port/', '*', '/%', '/sandboxes/%00']) {
    const socket = connect(port, '127.0.0.1')
    socket.end(`GET ${target} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n`)
    let said = ''
    for await (const chunk of socket) said += String(chunk)
    expect(said).toMatch(/^HTTP\/1.1 404 /)
  }
  expect((await api('GET', '/v2/sandboxes')).status).toBe(200)
})

it('shows what a sandbox was created with to whoever may ask', async () => {
  const reply = await api('POST', '/v2/sandboxes', { templateID: 'base', envVars: { SECRET: 'bird' } })
  const { sandboxID, envdAccessToken } = (await reply.json()) as Record<string, string>
  const envs = await fetch(`${server.sandboxUrl}/envs`, {
    headers: { 'e2b-sandbox-id': sandboxID!, 'x-access-token': envdAccessToken! },
  })
  expect(await envs.json()).toEqual({ SECRET: 'bird' })
})
