import { createHash } from 'node:crypto'
import { AirlockError } from '../errors/index.js'

/** One value among those that name a cache entry. */
export type CacheKeyPart = string | number | boolean | null

/** What names a cache entry: a tuple, never a string glued together, so that no part can run into the next one. */
export type CacheKey = readonly CacheKeyPart[]

/** The one name of a key, in memory as on disk: JSON of the tuple, which differs for different tuples. Throws
 * CONFIG_INVALID for an empty tuple and for parts that JSON would change. */
export function keyText(key: CacheKey): string {
  if (key.length === 0) throw refused('a key has at least one part')
  if (!key.every(isKeyPart)) throw refused('a part is no text, finite number, boolean or null')
  return JSON.stringify(key)
}

/** The file name of a key: SHA-256 of its text, in hex. */
export function keyDigest(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

function isKeyPart(part: unknown): boolean {
  if (typeof part === 'number') return Number.isFinite(part)
  return typeof part === 'string' || typeof part === 'boolean' || part === null
}

function refused(problem: string): AirlockError {
  return new AirlockError('CONFIG_INVALID', { phase: 'cache', params: { at: 'cache key', problem } })
}
