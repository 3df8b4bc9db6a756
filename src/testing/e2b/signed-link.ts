import { createHash, timingSafeEqual } from 'node:crypto'

/** What a signed link to a file says about itself. */
export interface SignedLink {
  /** As in the query, before it is resolved. */
  readonly path: string
  readonly operation: 'read' | 'write'
  /** Empty where the link names none. */
  readonly username: string
  readonly signature: string
  /** Seconds since 1970, as in the query. */
  readonly expiration: string | null
}

/** Whether a sandbox's token signs a link: `v1_` and the unpadded base64 of a SHA-256 over its fields
 * (github.com/e2b-dev/infra, envd's auth.go). Says nothing about the expiration. */
export function isSignedBy(token: string, link: SignedLink): boolean {
  const fields = [link.path, link.operation, link.username, token]
  if (link.expiration !== null) fields.push(link.expiration)
  const digest = createHash('sha256').update(fields.join(':')).digest('base64').replace(/=+$/, '')
  const expected = Buffer.from(`v1_${digest}`)
  const given = Buffer.from(link.signature)
  return expected.length === given.length && timingSafeEqual(expected, given)
}

export function isExpired(link: SignedLink): boolean {
  return link.expiration !== null && !(Number(link.expiration) >= Math.floor(Date.now() / 1000))
}
