import { createHash } from 'node:crypto'
import { AirlockError } from '../errors/index.js'

/** One value among those that name a cache entry. */
export type CacheKeyPart = string | number | boolean | null

/** What names a cache entry: a tuple, never a string glued together, so that no part can run into the next one. */
export type CacheKey = readonly CacheKeyPart[]

/** The one name of a key, in memory as on disk: each part with its kind, texts with their length, so that different tuples
 * have different names. Throws CONFIG_INVALID for an empty tuple and for parts that are none. */
export function keyText(key: CacheKey): string {
  if (key.length === 0) throw refused('a key has at least one part')
  let text = ''
  for (const part of key) text += partText(part)
  return text
}

/** The file name of a key: SHA-256 of its text as UTF-16, which keeps lone surrogates apart, in hex. */
export function keyDigest(text: string): string {
  return createHash('sha256').update(text, 'utf16le').digest('hex')
}

function partText(part: CacheKeyPart): string {
  if (typeof part === 'string') return `s${part.length}:${part}`
  if (typeof part === 'number' && Number.isFinite(part)) return `n${part};`
  if (typeof part === 'boolean') return part ? 't' : 'f'
  if (part === null) return 'z'
  throw refused('a part is no text, finite number, boolean or null')
}

function refused(problem: string): AirlockError {
  return new AirlockError('CONFIG_INVALID', { phase: 'cache', params: { at: 'cache key', problem } })
}
