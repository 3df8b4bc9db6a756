import {
  createCipheriv,
  createDecipheriv,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
  type KeyObject,
  randomBytes,
} from 'node:crypto'
import { AirlockError } from '../errors/index.js'
import { PROTOCOL_VERSION, type SealedMessage, sealedMessage } from './protocol.js'

const INFO = 'airlock sealed channel v1'
const CIPHER = 'aes-256-gcm'
const PUBLIC_BYTES = 32
const KEY_BYTES = 32
const IV_BYTES = 12
const TAG_BYTES = 16

/** What a sealed message is for. One that was sealed for another run, job or attempt does not open. */
export interface SealBinding {
  readonly run: string
  readonly job: string
  readonly attempt: number
}

/** One side of an X25519 agreement (RFC 7748). The private half lives in a `#private` field and has no way out, printed or
 * not. `publicKey` is the 32 raw bytes as base64. */
export class SealKeyPair {
  readonly publicKey: string
  readonly #private: KeyObject

  private constructor(publicKey: string, secret: KeyObject) {
    this.publicKey = publicKey
    this.#private = secret
  }

  static create(): SealKeyPair {
    const { publicKey, privateKey } = generateKeyPairSync('x25519')
    const { x } = publicKey.export({ format: 'jwk' })
    return new SealKeyPair(Buffer.from(String(x), 'base64url').toString('base64'), privateKey)
  }

  /** The key that both sides derive: HKDF-SHA256 (RFC 5869) over the agreement, salted with the public keys of whoever
   * seals and whoever opens. Throws for a point of low order, which would give everybody the same key. */
  keyWith(theirs: Buffer, salt: Buffer): Buffer {
    const key = { kty: 'OKP', crv: 'X25519', x: theirs.toString('base64url') }
    const agreed = diffieHellman({ privateKey: this.#private, publicKey: createPublicKey({ key, format: 'jwk' }) })
    return Buffer.from(hkdfSync('sha256', agreed, salt, INFO, KEY_BYTES))
  }
}

/** A fresh pair, good for one message. */
export function createKeyPair(): SealKeyPair {
  return SealKeyPair.create()
}

/** Seals bytes for the owner of a public key (32 raw bytes as base64): a fresh X25519 pair, HKDF-SHA256, AES-256-GCM (NIST
 * SP 800-38D) with the binding as additional data. Throws POLICY_REFUSED for a key that is none. */
export function seal(plaintext: Uint8Array, theirPublicKey: string, binding: SealBinding): SealedMessage {
  try {
    const theirs = bytesOf(theirPublicKey, PUBLIC_BYTES)
    const own = createKeyPair()
    const ownPublic = Buffer.from(own.publicKey, 'base64')
    const iv = randomBytes(IV_BYTES)
    const cipher = createCipheriv(CIPHER, own.keyWith(theirs, Buffer.concat([ownPublic, theirs])), iv)
    cipher.setAAD(boundTo(binding))
    const data = Buffer.concat([cipher.update(plaintext), cipher.final()])
    return {
      v: PROTOCOL_VERSION,
      public_key: own.publicKey,
      iv: iv.toString('base64'),
      tag: cipher.getAuthTag().toString('base64'),
      data: data.toString('base64'),
    }
  } catch {
    // What the library says may hold parts of keys.
    throw refused('the public key is none')
  }
}

/** Opens a message that was sealed for this pair and this binding. Throws POLICY_REFUSED for anything else: a changed byte,
 * another run, job or attempt, another key. */
export function open(message: unknown, keyPair: SealKeyPair, binding: SealBinding): Uint8Array {
  try {
    const sealed = sealedMessage.parse(message)
    const theirs = bytesOf(sealed.public_key, PUBLIC_BYTES)
    const salt = Buffer.concat([theirs, Buffer.from(keyPair.publicKey, 'base64')])
    const iv = bytesOf(sealed.iv, IV_BYTES)
    const decipher = createDecipheriv(CIPHER, keyPair.keyWith(theirs, salt), iv, { authTagLength: TAG_BYTES })
    decipher.setAAD(boundTo(binding))
    decipher.setAuthTag(bytesOf(sealed.tag, TAG_BYTES))
    return Buffer.concat([decipher.update(bytesOf(sealed.data)), decipher.final()])
  } catch {
    // Why it does not open is nobody's business who could have changed it.
    throw refused('the sealed job does not open')
  }
}

/** Ids have no `|`, so that no two bindings give the same bytes. */
function boundTo({ run, job, attempt }: SealBinding): Buffer {
  return Buffer.from(`${run}|${job}|${attempt}`, 'utf8')
}

/** Base64 that decodes to what encodes to it: other spellings of the same bytes are refused. */
function bytesOf(text: string, length?: number): Buffer {
  const bytes = Buffer.from(text, 'base64')
  if (bytes.toString('base64') !== text || (length !== undefined && bytes.length !== length))
    throw new TypeError('bytes')
  return bytes
}

function refused(problem: string): AirlockError {
  return new AirlockError('POLICY_REFUSED', { phase: 'remote', params: { problem } })
}
