import { buildOAuthProtectedResourceMetadata, getOAuthProtectedResourceMetadataUrl } from '@modelcontextprotocol/server'
import type { ServerPolicy } from './policy.js'

/** The answer to a request for the metadata of a protected resource (RFC 9728), where the server is public and its tokens
 * come from somewhere; undefined for every other request. */
export function resourceMetadata(
  request: Request,
  { public_url, authorization_server }: ServerPolicy['limits']['http'],
): Response | undefined {
  if (public_url === undefined || authorization_server === undefined) return undefined
  const resource = new URL(public_url)
  const path = new URL(getOAuthProtectedResourceMetadataUrl(resource)).pathname
  if (new URL(request.url).pathname !== path) return undefined
  if (request.method !== 'GET') return new Response(null, { status: 405, headers: { allow: 'GET' } })
  const document = buildOAuthProtectedResourceMetadata({
    oauthMetadata: {
      issuer: authorization_server,
      // Where these are is for the issuer's own metadata to say; here only the issuer is used.
      authorization_endpoint: authorization_server,
      token_endpoint: authorization_server,
      response_types_supported: ['code'],
    },
    resourceServerUrl: resource,
    resourceName: 'Airlock',
  })
  return Response.json({ ...document, bearer_methods_supported: ['header'] })
}
