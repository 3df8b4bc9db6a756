import { inspect } from 'node:util'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { SealedMessage } from '../../src/remote/protocol.js'
import { createKeyPair, open, seal } from '../../src/remote/sealed-channel.js'

const binding = { run: 'run-1', job: 'orders.0', attempt: 1 }
const refused = expect.objectContaining({ code: 'POLICY_REFUSED' })
const opened = (message: unknown, keys = createKeyPair(), to = binding) => {
  try {
    return Buffer.from(open(message, keys, to)).toString('utf8')
  } catch (error) {
    return error
  }
}

describe('the sealed channel', () => {
  it('opens what was sealed for this key and this attempt, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 5000 }), (bytes) => {
        const keys = createKeyPair()
        expect(Buffer.from(open(seal(bytes, keys.publicKey, binding), keys, binding))).toEqual(Buffer.from(bytes))
      }),
      { numRuns: 50 },
    )
  })

  // Guard: setAAD. Without it in both functions every one of these opened.
  it.each([
    ['run', { ...binding, run: 'run-2' }],
    ['job', { ...binding, job: 'orders.1' }],
    ['attempt', { ...binding, attempt: 2 }],
    ['split of the ids', { ...binding, run: 'run', job: '-1|orders.0' }],
  ])('does not open for another %s', (_, other) => {
    const keys = createKeyPair()
    const message = seal(Buffer.from('secret'), keys.publicKey, binding)
    expect(opened(message, keys)).toBe('secret')
    expect(opened(message, keys, other)).toEqual(refused)
  })

  it('does not open for another key, and is another message each time', () => {
    const [keys, others] = [createKeyPair(), createKeyPair()]
    const message = seal(Buffer.from('secret'), keys.publicKey, binding)
    const again = seal(Buffer.from('secret'), keys.publicKey, binding)
    expect(opened(message, others)).toEqual(refused)
    for (const field of ['public_key', 'iv', 'data'] as const) expect(again[field]).not.toBe(message[field])
  })

  // Guard: the digest of the agreement is salted with both public keys, and GCM's tag is checked by final().
  it('does not open after any byte of it has changed', () => {
    const keys = createKeyPair()
    const message = seal(Buffer.from('a secret'), keys.publicKey, binding)
    for (const field of ['public_key', 'iv', 'tag', 'data'] as const) {
      const bytes = Buffer.from(message[field], 'base64')
      for (let at = 0; at < bytes.length; at++) {
        // The highest bit of a public key means nothing to X25519 (RFC 7748, section 5).
        for (const bit of [0x01, 0x80]) {
          const changed = Buffer.from(bytes)
          changed[at]! ^= bit
          expect(opened({ ...message, [field]: changed.toString('base64') }, keys), `${field} ${at}`).toEqual(refused)
        }
      }
      for (const other of [bytes.subarray(1), Buffer.concat([bytes, Buffer.alloc(1)])]) {
        expect(opened({ ...message, [field]: other.toString('base64') }, keys), field).toEqual(refused)
      }
    }
  })

  // Guard: bytesOf compares. The last character before the padding has bits that mean nothing.
  it('does not open another spelling of itself', () => {
    const keys = createKeyPair()
    const message = seal(Buffer.from('ab'), keys.publicKey, binding)
    const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
    for (const field of ['public_key', 'tag', 'data'] as const) {
      const [, head, last, padding] = /^(.*)([^=])(=+)$/.exec(message[field])!
      const other = `${head}${letters[letters.indexOf(last!) ^ 1]}${padding}`
      expect(Buffer.from(other, 'base64').toString('hex')).toBe(Buffer.from(message[field], 'base64').toString('hex'))
      expect(opened({ ...message, [field]: other }, keys), field).toEqual(refused)
    }
  })

  it('refuses what is no message, and keys that give everybody the same secret', () => {
    const keys = createKeyPair()
    const message = seal(Buffer.from('secret'), keys.publicKey, binding)
    const none: unknown[] = [
      ...[undefined, null, 7, 'text', [], {}],
      ...[
        { ...message, v: 2 },
        { ...message, extra: 1 },
        { ...message, tag: `${message.tag} ` },
      ],
      { ...message, tag: Buffer.from(message.tag, 'base64').subarray(0, 4).toString('base64') },
    ]
    for (const one of none) expect(opened(one, keys)).toEqual(refused)
    const zero = Buffer.alloc(32).toString('base64')
    expect(opened({ ...message, public_key: zero } satisfies SealedMessage, keys)).toEqual(refused)
    for (const key of [zero, '', 'short', Buffer.alloc(33).toString('base64')]) {
      expect(() => seal(Buffer.from('secret'), key, binding)).toThrow(refused)
    }
  })

  it('prints no private key in any way', () => {
    const keys = createKeyPair()
    const shown = [
      inspect(keys, { showHidden: true, depth: 9 }),
      JSON.stringify(keys),
      String(keys),
      `${Object.values(keys)}`,
    ]
    expect(Object.keys(keys)).toEqual(['publicKey'])
    for (const text of shown) expect(text.replaceAll(keys.publicKey, '')).not.toMatch(/[A-Za-z0-9+/]{40}/)
  })
})
