import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http'
import {
  hostHeaderValidation,
  type NodeIncomingMessageLike,
  originValidation,
  toNodeHandler,
} from '@modelcontextprotocol/node'
import {
  createMcpHandler,
  getOAuthProtectedResourceMetadataUrl,
  localhostAllowedHostnames,
  localhostAllowedOrigins,
  requireBearerAuth,
} from '@modelcontextprotocol/server'
import { AirlockError } from '../errors/index.js'
import { bearerVerifier } from './bearer-verifier.js'
import { createServer } from './create-server.js'
import { resourceMetadata } from './resource-metadata.js'
import type { ServerState } from './server-state.js'

export interface HttpOptions {
  /** 0 for any free one. */
  readonly port: number
  /** In place of that of the policy. */
  readonly host?: string
}

/** The one path that answers MCP. */
const PATH = '/mcp'
const LOOPBACK = new Set(['127.0.0.1', '::1', 'localhost'])
const MOST_BODY = 2 * 2 ** 20
const CLOSE_MS = 1000

/** Serves any number of clients over streamable HTTP, in both eras, until the signal aborts. Listens on loopback unless
 * the policy says otherwise, and then takes nobody without a bearer token (AGENT_REFUSED at the start). Host and origin of
 * every request are checked. A token is verified and goes no further. */
export async function serveOverHttp(
  state: ServerState,
  options: HttpOptions,
  signal: AbortSignal,
  listening: (at: string) => void,
): Promise<void> {
  const { http } = state.policy.limits
  const host = options.host ?? http.host
  const verifier = await bearerVerifier(http)
  if (!LOOPBACK.has(host) && verifier === undefined) {
    const problem = 'an address that others can reach needs `mcp.http.token_sha256` or `mcp.http.verifier`'
    throw new AirlockError('AGENT_REFUSED', { phase: 'config', params: { problem } })
  }
  const publicUrl = http.public_url === undefined ? undefined : new URL(http.public_url)
  const metadata =
    publicUrl === undefined ? {} : { resourceMetadataUrl: getOAuthProtectedResourceMetadataUrl(publicUrl) }
  const gate = verifier === undefined ? undefined : requireBearerAuth({ verifier, ...metadata })
  const hostAllowed = hostHeaderValidation([
    ...localhostAllowedHostnames(),
    ...http.allowed_hosts,
    ...hostOf(publicUrl),
  ])
  const originAllowed = originValidation([...localhostAllowedOrigins(), ...http.allowed_origins])
  const onerror = () => state.recorder.telemetry.emit('warning.raised', { problem: 'request refused' })
  const handler = createMcpHandler(() => createServer(state), { onerror, maxRequestBodySize: MOST_BODY })
  const gated = {
    async fetch(request: Request, given?: Parameters<typeof handler.fetch>[1]): Promise<Response> {
      const found = resourceMetadata(request, http)
      if (found !== undefined) return found
      if (new URL(request.url).pathname !== PATH) return new Response(null, { status: 404 })
      const auth = await gate?.(request)
      if (auth instanceof Response) return auth
      return await handler.fetch(withoutToken(request), {
        ...given,
        ...(auth === undefined ? {} : { authInfo: withoutSecret(auth) }),
      })
    },
  }
  const serve = toNodeHandler(gated, { onerror, maxRequestBodySize: MOST_BODY })
  const server = createHttpServer((request: IncomingMessage, response: ServerResponse) => {
    if (!hostAllowed(request, response) || !originAllowed(request, response)) return
    void serve(request as NodeIncomingMessageLike, response)
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', () =>
      reject(
        new AirlockError('AGENT_REFUSED', { phase: 'config', params: { problem: 'the port cannot be listened on' } }),
      ),
    )
    server.listen(options.port, host, resolve)
  })
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : options.port
  listening(`http://${host.includes(':') ? `[${host}]` : host}:${port}${PATH}`)
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve()
    signal.addEventListener('abort', () => resolve(), { once: true })
  })
  await handler.close()
  const closed = new Promise<void>((resolve) => server.close(() => resolve()))
  setTimeout(() => server.closeAllConnections(), CLOSE_MS).unref()
  server.closeIdleConnections()
  await closed
}

/** The request as the tools may see it. */
function withoutToken(request: Request): Request {
  const headers = new Headers(request.headers)
  headers.delete('authorization')
  headers.delete('cookie')
  return new Request(request, { headers })
}

/** Who it is, without what proves it. */
function withoutSecret<T extends { readonly token: string; readonly extra?: unknown }>(auth: T): T {
  return { ...auth, token: '', extra: {} }
}

function hostOf(url: URL | undefined): readonly string[] {
  return url === undefined ? [] : [url.hostname]
}
