import type { ByteSink } from './byte-sink.js'
import type { CellMask } from './cell-mask.js'
import { KeyedHash } from './keyed-hash.js'
import { type RuleContext, requireKeys } from './rule-context.js'
import { ValueCache } from './value-cache.js'

const ALPHABET = Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_', 'latin1')

/** `tokenize`: the first 128 bits of HMAC-SHA256 over the canonical bytes, as 22 characters of base64url (RFC 4648).
 * Equal values give equal tokens within the scope of the key, distinct ones stay distinct (a collision among 2^32
 * values has a probability of 2^-65), and nobody without the key can test a guess. Any column type; gives text. */
export function compileTokenize(context: RuleContext): CellMask {
  return new TokenMask(context, 16, true)
}

/** `hash`: the whole 256 bits of HMAC-SHA256, as 43 characters of base64url, under a key of its own, so that its results
 * cannot be matched with those of `tokenize`. A fingerprint to compare with, not a key. Any column type; gives text. */
export function compileHash(context: RuleContext): CellMask {
  return new TokenMask(context, 32, false)
}

class TokenMask implements CellMask {
  readonly rule: string
  readonly keyed = true
  readonly oneToOne: boolean
  readonly givesNull = false
  readonly output = 'text'
  readonly #hash: KeyedHash
  readonly #cache: ValueCache
  readonly #size: number

  constructor(context: RuleContext, size: number, oneToOne: boolean) {
    this.rule = context.rule
    this.oneToOne = oneToOne
    this.#hash = new KeyedHash(requireKeys(context).derive(context.rule))
    this.#size = size
    this.#cache = new ValueCache(Math.ceil((size * 4) / 3))
  }

  apply(data: Uint8Array, start: number, end: number, out: ByteSink): boolean {
    if (this.#cache.lookup(data, start, end, out)) return true
    appendBase64Url(this.#hash.digest(data, start, end), this.#size, out)
    this.#cache.remember(data, start, end, out)
    return true
  }
}

/** Appends the first `size` bytes of `digest` (one character per byte) as base64url without padding. */
function appendBase64Url(digest: string, size: number, out: ByteSink): void {
  out.reserve(Math.ceil((size * 4) / 3))
  const target = out.bytes
  let at = out.length
  let i = 0
  for (; i + 2 < size; i += 3) {
    const bits = (digest.charCodeAt(i) << 16) | (digest.charCodeAt(i + 1) << 8) | digest.charCodeAt(i + 2)
    target[at++] = ALPHABET[bits >>> 18]!
    target[at++] = ALPHABET[(bits >>> 12) & 63]!
    target[at++] = ALPHABET[(bits >>> 6) & 63]!
    target[at++] = ALPHABET[bits & 63]!
  }
  if (i < size) {
    const bits = (digest.charCodeAt(i) << 16) | (i + 1 < size ? digest.charCodeAt(i + 1) << 8 : 0)
    target[at++] = ALPHABET[bits >>> 18]!
    target[at++] = ALPHABET[(bits >>> 12) & 63]!
    if (i + 1 < size) target[at++] = ALPHABET[(bits >>> 6) & 63]!
  }
  out.length = at
}
