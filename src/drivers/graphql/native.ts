import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type * as Graphql from 'graphql'
import type { GraphQLClient } from 'graphql-request'
import type { Pool } from 'undici'

export type GraphqlLibrary = typeof Graphql

/** How long a connection is kept for the next request. Servers close theirs after five seconds, as a rule. */
const IDLE_MS = 4_000

/** The reference implementation: parser, validation and types of schemas. */
export async function loadGraphql(): Promise<GraphqlLibrary> {
  return await import('graphql')
}

/** HTTP/1.1 to one origin over sockets that `connect` gives. No timeouts of its own: whoever sends a request bounds it. */
export async function createPool(
  origin: string,
  options: { readonly connections: number; readonly maxBytes: number; connect(): Promise<Socket | TLSSocket> },
): Promise<Pool> {
  const { Pool } = await import('undici')
  return new Pool(origin, {
    connections: options.connections,
    pipelining: 1,
    headersTimeout: 0,
    bodyTimeout: 0,
    keepAliveTimeout: IDLE_MS,
    keepAliveMaxTimeout: IDLE_MS,
    maxResponseSize: options.maxBytes,
    connect: (_, callback) => {
      options.connect().then(
        (socket) => callback(null, socket),
        (error: Error) => callback(error, null),
      )
    },
  })
}

/** What a request of the client turns into: the text of a 2xx answer. `body` is the JSON of a request as it was given. */
export type Send = (body: string, headers: Headers, signal: AbortSignal) => Promise<string>

/** A request whose variables are JSON text already. */
export interface RawVariables {
  readonly json: string
}

/** A client without credentials: `send` adds them. `parse` reads the text of an answer, and has the last word on what is
 * an error; the client itself would put the whole answer and the request into its message. */
export async function createClient(
  send: Send,
  parse: (text: string) => unknown,
): Promise<Pick<GraphQLClient, 'rawRequest'>> {
  const { GraphQLClient } = await import('graphql-request')
  return new GraphQLClient('http://graphql.invalid/', {
    method: 'POST',
    excludeOperationName: true,
    errorPolicy: 'all',
    jsonSerializer: { stringify: bodyText, parse },
    fetch: async (_, init) => {
      const text = await send(String(init?.body), new Headers(init?.headers), init?.signal as AbortSignal)
      const headers = new Headers({ 'content-type': 'application/json' })
      // As much of a Response as the client looks at; a real one would copy the text twice more.
      return { ok: true, status: 200, headers, text: async () => text } as unknown as Response
    },
  })
}

function bodyText(body: { readonly query: string; readonly variables?: RawVariables }): string {
  return `{"query":${JSON.stringify(body.query)},"variables":${body.variables?.json ?? '{}'}}`
}
