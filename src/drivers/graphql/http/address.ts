import { KeyJudge } from '../../../masking/keys.js'
import { createMasker } from '../../../masking/masker.js'

/** Where an HTTP service listens. */
export interface HttpAddress {
  readonly secure: boolean
  readonly host: string
  readonly port: number
  /** Path with its query, percent-encoded. */
  readonly path: string
}

/** Scheme, host, port, path and query: no credentials, no fragment. */
const ADDRESS =
  /^(https?):\/\/([a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::([1-9]\d{0,4}))?((?:\/[\w.~%@:-]*)*)(?:\?([\w.~%=&-]*))?$/i

/** Reads the address of an HTTP service; undefined for anything that says more or less than that, and for a query that
 * may hold a key: proxies and servers log what stands in a URL. */
export function parseAddress(url: string): HttpAddress | undefined {
  const [, scheme, host, port, path, query] = ADDRESS.exec(url) ?? []
  if (scheme === undefined || host === undefined || Number(port ?? 1) > 65_535) return undefined
  if (query !== undefined && (holdsSecret(query) || createMasker().text(url) !== url)) return undefined
  const secure = scheme.toLowerCase() === 'https'
  return {
    secure,
    host: host.replace(/^\[|\]$/g, ''),
    port: Number(port ?? (secure ? 443 : 80)),
    path: `${path === undefined || path === '' ? '/' : path}${query === undefined ? '' : `?${query}`}`,
  }
}

/** `https://host:port`, the address that a credential belongs to. */
export function originOf({ secure, host, port }: HttpAddress): string {
  return `${secure ? 'https' : 'http'}://${host.includes(':') ? `[${host}]` : host}:${port}`
}

function holdsSecret(query: string): boolean {
  const judge = new KeyJudge()
  return query.split('&').some((pair) => {
    const name = decoded(pair.split('=', 1)[0] ?? '')
    return name === undefined || /^(?:key|auth|sig|signature|code|session|sid)$/i.test(name) || !isPublic(judge, name)
  })
}

function isPublic(judge: KeyJudge, name: string): boolean {
  const verdict = judge.verdict(name)
  return verdict === 'public' || verdict === 'topology'
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined // what cannot be read may be anything
  }
}
