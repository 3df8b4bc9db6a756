import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import type { ManagedSession } from '../../src/core/managed-session.js'
import { supabaseRest } from '../../src/drivers/index.js'
import { AirlockError, type ErrorCode } from '../../src/errors/index.js'
import { Secret } from '../../src/masking/index.js'
import { countDescriptors } from '../../src/testing/conformance/trial.js'
import { countSockets, settle } from '../../src/testing/index.js'
import { NODE_ARGS } from '../cli/airlock.js'
import { Canaries, canary } from './canaries.js'
import { everyView } from './views.js'

type Answer = (request: IncomingMessage, response: ServerResponse, body: string) => void

const DOCUMENT = JSON.stringify({
  definitions: {
    notes: {
      required: ['id'],
      properties: {
        id: { format: 'integer', description: 'Note:\nThis is a Primary Key.<pk/>' },
        note: { format: 'text' },
      },
    },
  },
})

/** An API that describes one table and answers for its rows as a test says. */
class Api {
  answer: Answer = (_, response) => rows(response, '')
  /** Everything that was asked, with all headers. */
  readonly asked: { readonly url: string; readonly headers: IncomingMessage['headers']; readonly body: string }[] = []
  readonly #server = createServer((request, response) => {
    const parts: Buffer[] = []
    request.on('error', () => response.destroy())
    request.on('data', (chunk: Buffer) => parts.push(chunk))
    request.on('end', () => {
      const body = Buffer.concat(parts).toString('utf8')
      const url = request.url ?? ''
      this.asked.push({ url, headers: request.headers, body })
      if (request.method === 'HEAD') response.end()
      else if (url === '/rest/') response.end(DOCUMENT)
      else this.answer(request, response, body)
    })
  })

  async start(): Promise<this> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    return this
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  get connections(): Promise<number> {
    return new Promise((resolve) => this.#server.getConnections((_, count) => resolve(count)))
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections()
    this.#server.close()
    await once(this.#server, 'close')
  }
}

/** Two rows, or none behind the first page. */
function rows(response: ServerResponse, cell: string): void {
  const text = cell === '' ? 'id,note\n' : `id,note\n1,${cell}\n2,${cell}`
  const range = cell === '' ? '*/*' : '0-1/*'
  response.writeHead(200, { 'content-range': range, 'content-length': text.length }).end(text)
}

/** Says everything that it was told: the token, the query, the body, and a cookie of its own. */
function echo(status: number, headers: Readonly<Record<string, string>> = {}, code = 'XX000'): Answer {
  return (request, response, body) => {
    const token = request.headers['apikey']
    const said = { url: request.url, headers: request.headers, body, code: code || token, message: token }
    response.writeHead(status, {
      'content-type': 'application/json',
      'set-cookie': `session=${request.headers['apikey']}`,
      'www-authenticate': `Bearer error="${request.headers['apikey']}"`,
      ...headers,
    })
    response.end(JSON.stringify(said))
  }
}

describe('the REST channel', () => {
  let api: Api
  let key: string
  let cell: string
  let canaries: Canaries
  beforeEach(async () => {
    api = await new Api().start()
    key = canary('sb_secret_')
    cell = canary('c')
    canaries = new Canaries({ key, cell })
  })
  afterEach(() => api.stop())

  const open = (more: object = {}): Promise<ManagedSession> =>
    supabaseRest.open({ rest_url: `http://127.0.0.1:${api.port}/rest`, key: new Secret(key, 'key'), ...more })
  const read = async (session: ManagedSession, signal?: AbortSignal): Promise<number> => {
    let count = 0
    for await (const batch of session.extract({ table: 'notes', where: `note=eq.${cell}` }, signal))
      count += batch.rowCount
    return count
  }
  const errorOf = async (work: Promise<unknown>): Promise<AirlockError> => {
    const [outcome] = await Promise.allSettled([work])
    const reason: unknown = outcome.status === 'rejected' ? outcome.reason : undefined
    expect(reason).toBeInstanceOf(AirlockError)
    return reason as AirlockError
  }
  const expectNoSockets = async () => {
    expect(await settle(() => countSockets(api.port), 0, 3_000)).toBe(0)
    expect(await settle(() => api.connections, 0, 3_000)).toBe(0)
  }

  it.each<readonly [string, Answer, ErrorCode, string | undefined]>([
    ['401', echo(401), 'AUTH_FAILED', 'XX000'],
    ['403', echo(403), 'PRIVILEGE_MISSING', 'XX000'],
    ['500', echo(500), 'QUERY_FAILED', 'XX000'],
    // Seen red with every text taken for a code (client.ts).
    ['500 with the token for its code', echo(500, {}, ''), 'QUERY_FAILED', 'HTTP_500'],
    [
      '400 without JSON',
      (request, response) => response.writeHead(400).end(`<p>${request.headers['apikey']}`),
      'SQL_INVALID',
      'HTTP_400',
    ],
    ['200 with an error in its body', echo(200), 'PROTOCOL_ERROR', undefined],
    [
      '200 with a page of HTML',
      (request, response) => response.end(`<html>${request.headers['apikey']} ${request.url}`),
      'PROTOCOL_ERROR',
      undefined,
    ],
  ])('SE-7 shows nothing of an answer that repeats token, cookie and query: %s', async (_, answer, code, origin) => {
    await using session = await open()
    api.answer = answer
    const error = await errorOf(read(session))
    expect([error.code, error.origin]).toEqual([code, origin])
    expect(canaries.in(everyView(error))).toEqual([])
    expect(canaries.in(everyView(session))).toEqual([])
    const last = api.asked.at(-1)!
    expect([last.headers['apikey'], last.url.includes(cell)]).toEqual([key, true])
  })

  it('SE-7 shows nothing of a write that is refused with its own body', async () => {
    await using session = await open()
    api.answer = echo(409)
    const { batches, column } = await import('../drivers/rows.js')
    const columns = [column('id', 'int32'), column('note', 'text')]
    const error = await errorOf(session.write({ table: 'notes', mode: 'append' }, batches(columns, [['1', cell]])))
    expect(error.code).toBe('QUERY_FAILED')
    expect(canaries.in(everyView(error))).toEqual([])
    expect(api.asked.at(-1)!.body).toContain(cell)
  })

  it('SE-8 refuses an address that holds a credential, and repeats none of it', async () => {
    const secret = canary('p')
    const refused = new Canaries({ secret })
    const addresses = [
      `http://user:${secret}@127.0.0.1:${api.port}/rest`,
      `http://127.0.0.1:${api.port}/rest?apikey=${secret}`,
    ]
    for (const rest_url of addresses) {
      const error = await errorOf(open({ rest_url }))
      expect(error.code).toBe('CONFIG_INVALID')
      expect(refused.in(everyView(error))).toEqual([])
    }
    expect(api.asked).toEqual([])
  })

  it('SE-8 sends the key as a header alone, and no tracer of Node or undici sees it', {
    timeout: 180_000,
  }, async () => {
    let page = 0
    api.answer = (_, response) => rows(response, page++ === 0 ? cell : '')
    const script = fileURLToPath(new URL('./rest-process.ts', import.meta.url))
    const child = spawn(process.execPath, [...NODE_ARGS, script], {
      env: {
        PATH: process.env['PATH'],
        LEAKS_KEY: key,
        LEAKS_URL: `http://127.0.0.1:${api.port}/rest`,
        NODE_DEBUG: 'undici,fetch,net,tls,http,stream',
      },
    })
    onTestFinished(() => void child.kill('SIGKILL'))
    const output = { stdout: '', stderr: '' }
    for (const name of ['stdout', 'stderr'] as const)
      child[name].setEncoding('utf8').on('data', (text: string) => {
        output[name] += text
      })
    const [code] = await once(child, 'close')
    expect([code, output.stdout]).toEqual([0, '2\n'])
    expect(output.stderr).toContain('NET ')
    expect(canaries.in(output.stderr)).toEqual([])
    for (const { url, headers, body } of api.asked) {
      expect(headers['apikey']).toBe(key)
      expect(canaries.in(`${url}${body}`)).toEqual([])
    }
  })

  // Seen red with a `destroy` of client.ts that does nothing: the session destroys the first socket alone.
  it('CN-13 holds nothing after 50 sessions of two requests that ended in five ways (sockets, connections, file descriptors)', {
    timeout: 180_000,
  }, async () => {
    await using warm = await open()
    await warm.close()
    await expectNoSockets()
    const before = await countDescriptors()
    const text = 'id,note\n1,x\n2,x'
    const endings: readonly Answer[] = [
      echo(500),
      (_, response) => {
        response.writeHead(200, { 'content-range': '0-1/*', 'content-length': text.length })
        response.write(text.slice(0, 9), () => response.destroy())
      },
      () => undefined, // no answer
      echo(302, { location: 'http://127.0.0.1:1/' }),
      (_, response) => {
        response.writeHead(200, { 'content-range': '0-1/*', 'content-length': text.length })
        response.write(text.slice(0, 9)) // and no more of it
      },
    ]
    const all = Array.from({ length: 50 }, async (_, index) => {
      const ending = endings[index % endings.length]!
      const own = await new Api().start()
      try {
        own.answer = ending
        const session = await open({ rest_url: `http://127.0.0.1:${own.port}/rest` })
        // The second one has to dial again where the first took its socket with it.
        for (let time = 0; time < 2; time++) {
          const error = await errorOf(read(session, AbortSignal.timeout(400)))
          expect(['QUERY_FAILED', 'CONNECTION_LOST', 'DEADLINE_EXCEEDED', 'REDIRECT_REFUSED']).toContain(error.code)
        }
        await session.close()
        expect(await settle(() => countSockets(own.port), 0, 3_000)).toBe(0)
        expect(await settle(() => own.connections, 0, 3_000)).toBe(0)
      } finally {
        await own.stop()
      }
    })
    await Promise.all(all)
    if (before !== undefined)
      expect(await settle(async () => (await countDescriptors()) ?? 0, before, 5_000)).toBe(before)
  })

  // Seen red with `close` in place of `destroy` in client.ts: it waits for the answer.
  it('CN-13 closes within a second under a request that is never answered', async () => {
    const session = await open()
    api.answer = () => undefined
    const stalled = errorOf(read(session))
    await expect.poll(() => api.asked.some(({ url }) => url.startsWith('/rest/notes'))).toBe(true)
    const begun = performance.now()
    await session.close()
    expect(performance.now() - begun).toBeLessThan(3_000)
    expect(['CONNECTION_LOST', 'SESSION_CLOSED']).toContain((await stalled).code)
    await expectNoSockets()
  })

  it.each([302, 307])('CN-14 follows no redirect (%i), to its own origin or to another', async (status) => {
    const other = await new Api().start()
    try {
      for (const port of [api.port, other.port]) {
        await using session = await open()
        const before = api.asked.length
        api.answer = echo(status, { location: `http://127.0.0.1:${port}/rest/elsewhere` })
        const error = await errorOf(read(session))
        expect(error.code).toBe('REDIRECT_REFUSED')
        expect(canaries.in(everyView(error))).toEqual([])
        // The description of the API, and the one request that was redirected.
        expect(api.asked.slice(before).map(({ url }) => url.replace(/\?.*/, ''))).toEqual(['/rest/', '/rest/notes'])
      }
      expect(other.asked).toEqual([])
    } finally {
      await other.stop()
    }
  })
})
