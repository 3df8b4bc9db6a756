import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { TestDatabase } from '../../src/testing/index.js'
import { condition, quoteName, quoteText, splitList, unquote } from './postgrest-query.js'

export type Fault =
  | { readonly kind: 'status'; readonly status: number; readonly headers?: Readonly<Record<string, string>> }
  /** Announces all of the answer, sends half of it and closes. */
  | { readonly kind: 'truncated' }
  | { readonly kind: 'endless' }
  /** Leaves the last row out, and says nothing of it. */
  | { readonly kind: 'short' }
  /** An answer whose end is the end of the connection, as a cut would be. */
  | { readonly kind: 'unframed' }
  | { readonly kind: 'stalled' }
  /** Does what was asked, and closes without an answer. */
  | { readonly kind: 'lost' }

interface Options {
  readonly key: string
  /** The server's own cap of a page. */
  readonly maxRows?: number
  readonly tls?: { readonly cert: string; readonly key: string }
  /** Looked at for each request but HEAD; `count` begins at 1. */
  readonly fault?: (method: string, path: string, count: number) => Fault | undefined
}

/** As much of PostgREST over HTTP as the driver uses, in front of a real Postgres, which makes its answers with the very
 * expressions that PostgREST has for `text/csv` and for inserts. */
export class PostgrestFake {
  readonly requests: {
    readonly method: string
    readonly path: string
    readonly headers: IncomingMessage['headers']
  }[] = []
  fault: Options['fault']
  readonly #server: Server
  readonly #database: TestDatabase
  readonly #options: Options

  private constructor(server: Server, database: TestDatabase, options: Options) {
    this.#server = server
    this.#database = database
    this.#options = options
    this.fault = options.fault
  }

  static async start(database: TestDatabase, options: Options): Promise<PostgrestFake> {
    const server = options.tls === undefined ? createServer() : createTlsServer({ ...options.tls })
    const fake = new PostgrestFake(server as Server, database, options)
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      // A client that goes away in the middle of its request has been told nothing and gets nothing.
      fake.#answer(request, response).catch(() => response.destroy())
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return fake
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  get url(): string {
    return `${this.#options.tls === undefined ? 'http' : 'https'}://127.0.0.1:${this.port}/rest/v1`
  }

  /** Connections that are open now. */
  get connections(): Promise<number> {
    return new Promise((resolve) => this.#server.getConnections((_, count) => resolve(count)))
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections()
    this.#server.close()
    await once(this.#server, 'close')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = 'GET', headers } = request
    const path = (request.url ?? '').replace(/^\/rest\/v1/, '')
    this.requests.push({ method, path, headers })
    const { key } = this.#options
    if (headers['apikey'] !== key || headers.authorization !== `Bearer ${key}`) return refuse(response, 401, 'PGRST301')
    const count = this.requests.filter((entry) => entry.method !== 'HEAD').length
    const fault = method === 'HEAD' ? undefined : this.fault?.(method, path, count)
    if (fault?.kind === 'status') return refuse(response, fault.status, 'XX000', fault.headers)
    if (fault?.kind === 'stalled') return
    if (fault?.kind === 'endless') return endless(response)
    const [table = '', query = ''] = path.slice(1).split('?')
    const [status, extra, body] = await this.#respond(method, decodeURIComponent(table), query, request)
    if (fault?.kind === 'lost') return void response.destroy()
    const bytes = Buffer.from(fault?.kind === 'short' ? body.slice(0, body.lastIndexOf('\n')) : body)
    if (fault?.kind === 'unframed') {
      response.useChunkedEncodingByDefault = false
      response.writeHead(status, { ...extra, connection: 'close' }).end(bytes)
      return
    }
    response.writeHead(status, { ...extra, ...(method === 'HEAD' ? {} : { 'content-length': bytes.length }) })
    if (fault?.kind === 'truncated') response.write(bytes.subarray(0, bytes.length / 2), () => response.destroy())
    else response.end(bytes)
  }

  async #respond(
    method: string,
    table: string,
    query: string,
    request: IncomingMessage,
  ): Promise<[number, Record<string, string>, string]> {
    if (method === 'HEAD') return [200, {}, '']
    if (table === '') return [200, { 'content-type': 'application/openapi+json' }, await this.#document()]
    try {
      if (method === 'GET') return await this.#read(table, query)
      return await this.#insert(table, query, request)
    } catch (error) {
      const code = (error as { code?: string }).code ?? 'XX000'
      const status = code === '23505' ? 409 : code === '42501' ? 403 : code === '42P01' ? 404 : 400
      return [
        status,
        {},
        JSON.stringify({ code, message: String(error), details: (error as { detail?: string }).detail }),
      ]
    }
  }

  async #document(): Promise<string> {
    const rows = await this.#database.rows(`
      SELECT c.relname, a.attname, format_type(a.atttypid, NULL), a.attnotnull,
        CASE WHEN a.atttypid = 1043 AND a.atttypmod > 4 THEN a.atttypmod - 4 END,
        EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary AND a.attnum = ANY (i.indkey))
      FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
      WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'v') ORDER BY c.oid, a.attnum`)
    const definitions: Record<string, { required: string[]; properties: Record<string, object> }> = {}
    for (const [table, column, format, required, length, key] of rows) {
      definitions[table!] ??= { required: [], properties: {} }
      const definition = definitions[table!]!
      const pk = key === 't' || key === 'true'
      definition.properties[column!] = {
        format,
        ...(length === null ? {} : { maxLength: Number(length) }),
        ...(pk ? { description: 'Note:\nThis is a Primary Key.<pk/>' } : {}),
      }
      if (required === 't' || required === 'true') definition.required.push(column!)
    }
    return JSON.stringify({ swagger: '2.0', definitions })
  }

  async #read(table: string, query: string): Promise<[number, Record<string, string>, string]> {
    const where: string[] = ['true']
    let columns = '*'
    let order = ''
    let limit = this.#options.maxRows ?? Number.MAX_SAFE_INTEGER
    for (const pair of query.split('&')) {
      const [name = '', value = ''] = pair.split('=').map(decodeURIComponent)
      if (name === 'select')
        columns = splitList(value)
          .map((field) => quoteName(unquote(field)))
          .join(', ')
      else if (name === 'order')
        order = splitList(value)
          .map((field) => `${quoteName(unquote(field.replace(/\.asc$/, '')))} ASC`)
          .join(', ')
      else if (name === 'limit') limit = Math.min(limit, Number(value))
      else where.push(name === 'or' ? condition(`or${value}`) : condition(`${name}.${value}`, true))
    }
    const [[text, count] = []] = await this.#database.rows(`
      WITH s AS (SELECT ${columns} FROM ${quoteName(table)} WHERE ${where.join(' AND ')} ORDER BY ${order} LIMIT ${limit})
      SELECT (SELECT coalesce(string_agg(a.k, ','), '') FROM
          (SELECT json_object_keys(r)::text AS k FROM (SELECT row_to_json(hh) AS r FROM s AS hh LIMIT 1) one) a)
        || E'\\n' || coalesce(string_agg(substring(t::text, 2, length(t::text) - 2), E'\\n'), ''), count(*)
      FROM (SELECT * FROM s) t`)
    const range = count === '0' ? '*/*' : `0-${Number(count) - 1}/*`
    return [200, { 'content-type': 'text/csv; charset=utf-8', 'content-range': range }, text!]
  }

  async #insert(
    table: string,
    query: string,
    request: IncomingMessage,
  ): Promise<[number, Record<string, string>, string]> {
    const parts: Buffer[] = []
    for await (const chunk of request) parts.push(chunk as Buffer)
    const body = Buffer.concat(parts).toString('utf8')
    const parameters = new Map(
      query.split('&').map((pair) => pair.split('=').map(decodeURIComponent) as [string, string]),
    )
    const names = splitList(parameters.get('columns') ?? '').map((field) => quoteName(unquote(field)))
    const key = splitList(parameters.get('on_conflict') ?? '').map((field) => quoteName(unquote(field)))
    const prefer = String(request.headers['prefer'])
    const update = names.map((name) => `${name} = EXCLUDED.${name}`).join(', ')
    const conflict = prefer.includes('merge-duplicates')
      ? `ON CONFLICT (${key.join(', ')}) DO UPDATE SET ${update}`
      : prefer.includes('ignore-duplicates')
        ? `ON CONFLICT (${key.join(', ')}) DO NOTHING`
        : ''
    const into = quoteName(table)
    const [[count] = []] = await this.#database.rows(`
      WITH i AS (INSERT INTO ${into} (${names.join(', ')}) SELECT ${names.join(', ')}
        FROM json_populate_recordset(null::${into}, ${quoteText(body)}::json) ${conflict} RETURNING 1) SELECT count(*) FROM i`)
    return [201, { 'content-range': `*/${count}` }, '']
  }
}

/** PostgREST's messages and details hold values; whoever shows them leaks. */
function refuse(
  response: ServerResponse,
  status: number,
  code: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  const body = JSON.stringify({ code, message: 'canary-in-message', details: 'canary-in-details', hint: null })
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(body)
}

/** One value without an end. */
function endless(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/csv', 'content-range': '0-0/*' })
  const chunk = Buffer.alloc(16 * 1024, 'x')
  const more = (): void => {
    while (!response.destroyed && response.write(chunk));
  }
  response.on('drain', more)
  more()
}
