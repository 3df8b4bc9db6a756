import { createHash, timingSafeEqual } from 'node:crypto'
import { pathToFileURL } from 'node:url'
import { type AuthInfo, OAuthError, OAuthErrorCode, type OAuthTokenVerifier } from '@modelcontextprotocol/server'
import { AirlockError } from '../errors/index.js'
import type { ServerPolicy } from './policy.js'

type HttpPolicy = ServerPolicy['limits']['http']

/** How long a token that is known by its hash is taken for verified, in seconds: with every request anew. */
const VALID_SECONDS = 60

/** What verifies bearer tokens: the operator's own module, or a list of hashes, so that the server knows no token; undefined
 * where there is neither. Throws CONFIG_INVALID for a module that exports no `verifyAccessToken`. */
export async function bearerVerifier({ verifier, token_sha256 }: HttpPolicy): Promise<OAuthTokenVerifier | undefined> {
  if (verifier !== undefined) return await loadVerifier(verifier)
  if (token_sha256.length === 0) return undefined
  const known = token_sha256.map((hash) => Buffer.from(hash, 'hex'))
  return {
    verifyAccessToken(token: string): Promise<AuthInfo> {
      const hash = createHash('sha256').update(token).digest()
      // Every one of them is compared, so that the time tells nothing.
      const at = known.map((one) => timingSafeEqual(one, hash)).indexOf(true)
      if (at < 0) return Promise.reject(new OAuthError(OAuthErrorCode.InvalidToken, 'The token is not known.'))
      const clientId = `token-${token_sha256[at]!.slice(0, 8)}`
      return Promise.resolve({ token: '', clientId, scopes: [], expiresAt: Date.now() / 1000 + VALID_SECONDS })
    },
  }
}

async function loadVerifier(path: string): Promise<OAuthTokenVerifier> {
  let found: unknown
  try {
    found = await import(pathToFileURL(path).href)
  } catch {
    throw invalid('the module cannot be loaded')
  }
  const verify = (found as Readonly<Record<string, unknown>>)['verifyAccessToken']
  if (typeof verify !== 'function') throw invalid('the module exports no function `verifyAccessToken`')
  return { verifyAccessToken: async (token) => (await verify(token)) as AuthInfo }
}

function invalid(problem: string): AirlockError {
  return new AirlockError('CONFIG_INVALID', { phase: 'config', params: { at: 'mcp.http.verifier', problem } })
}
