import * as crypto from 'node:crypto'
import { AirlockError } from '../errors/index.js'

/** How the chain is closed against change: `sha256` finds accidents and edits by anyone who cannot also rewrite what
 * follows and the anchors; `hmac` needs a secret key to rewrite; `sealed` is HMAC with a key that evolves one way at
 * each segment, so that what was written before a break-in stays protected after it. */
export type ChainMode = 'sha256' | 'hmac' | 'sealed'

/** The digest of one record: `h = digest(tag, previous h, exact bytes of the line before ',"h":"')`, as 64 hex digits.
 * `prev` is the `h` of the record before it, GENESIS for the first one. */
export type ChainDigest = (prev: string, body: string) => string

/** `prev` of the first record of a log. */
export const GENESIS = '0'.repeat(64)

/** The value of `v` in each record: the version of the format, which also names the digest. */
export const FORMAT_OF: Readonly<Record<ChainMode, number>> = { sha256: 1, hmac: 2, sealed: 3 }

const TAG: Readonly<Record<ChainMode, string>> = {
  sha256: 'airlock.audit.sha256.v1\n',
  hmac: 'airlock.audit.hmac.v1\n',
  sealed: 'airlock.audit.sealed.v1\n',
}
const EVOLVE = 'airlock.audit.evolve.v1'
const MIN_KEY_BYTES = 16

/** The plain SHA-256 digest. */
export function sha256Digest(): ChainDigest {
  const tag = TAG.sha256
  // `crypto.hash` is experimental in Node 20 and half the price of `createHash` for short texts.
  if (typeof crypto.hash === 'function') return (prev, body) => crypto.hash('sha256', `${tag}${prev}\n${body}`, 'hex')
  return (prev, body) => crypto.createHash('sha256').update(`${tag}${prev}\n${body}`).digest('hex')
}

/** The keyed digest of modes `hmac` and `sealed` (HMAC-SHA256, RFC 2104). */
export function keyedDigest(mode: 'hmac' | 'sealed', key: Uint8Array): ChainDigest {
  const tag = TAG[mode]
  return (prev, body) => crypto.createHmac('sha256', key).update(`${tag}${prev}\n${body}`).digest('hex')
}

/** The key of the next segment: one way, so that the old one cannot be found from it. */
export function evolveKey(key: Uint8Array): Buffer {
  return crypto.createHmac('sha256', key).update(EVOLVE).digest()
}

/** The key of segment `number` (1 is the first) from the seed that is kept off the host. */
export function sealKeyOf(seed: Uint8Array, number: number): Buffer {
  let key: Buffer = Buffer.from(seed)
  for (let i = 1; i < number; i += 1) key = evolveKey(key)
  return key
}

/** A private copy of a key. Throws CONFIG_INVALID when it is missing or shorter than 16 bytes. */
export function requireKey(key: Uint8Array | undefined, at: string): Buffer {
  if (key === undefined || key.length < MIN_KEY_BYTES) {
    throw new AirlockError('CONFIG_INVALID', {
      phase: 'audit',
      params: { at, problem: 'a key of at least 16 bytes is needed' },
    })
  }
  return Buffer.from(key)
}
