import { type Cipher, createCipheriv } from 'node:crypto'

const ROUNDS = 10
const BLOCK = 16

/** What of FF1 depends on the length of the text alone. */
interface Frame {
  /** radix^u and radix^v: what each half counts up to. */
  readonly highRange: bigint
  readonly lowRange: bigint
  /** Bytes that hold one half (b), and bytes of a round's output (d). */
  readonly halfBytes: number
  readonly roundBytes: number
  /** CIPH(P), the first block of every round's PRF. */
  readonly first: Buffer
  /** The padded tweak, the round number and the half, which each round fills in. */
  readonly message: Buffer
}

/** FF1 of NIST SP 800-38G: encrypts numerals into numerals of the same radix and length, one-to-one, with AES-128, 192
 * or 256 by the length of the key. A text of n symbols is given as the numbers of its first floor(n/2) and its
 * remaining symbols. The caller keeps radix^n at 10^6 or more, as the standard demands. Encryption only: masks are
 * never taken off. */
export class Ff1 {
  readonly #radix: number
  readonly #tweak: Uint8Array
  readonly #cipher: Cipher
  readonly #frames = new Map<number, Frame>()

  constructor(key: Uint8Array, radix: number, tweak: Uint8Array = new Uint8Array()) {
    this.#radix = radix
    this.#tweak = tweak
    this.#cipher = createCipheriv(`aes-${key.length * 8}-ecb`, key, null).setAutoPadding(false)
  }

  encrypt(high: bigint, low: bigint, length: number): { readonly high: bigint; readonly low: bigint } {
    const frame = this.#frame(length)
    let a = high
    let b = low
    for (let round = 0; round < ROUNDS; round++) {
      const range = round % 2 === 0 ? frame.highRange : frame.lowRange
      const c = (a + this.#roundNumber(frame, round, b)) % range
      a = b
      b = c
    }
    return { high: a, low: b }
  }

  /** Steps 6.i to 6.v: the number y of one round. */
  #roundNumber({ message, halfBytes, roundBytes, first }: Frame, round: number, half: bigint): bigint {
    message[message.length - halfBytes - 1] = round
    message.write(half.toString(16).padStart(halfBytes * 2, '0'), message.length - halfBytes, 'hex')
    let state = first
    for (let at = 0; at < message.length; at += BLOCK) state = this.#encryptXor(state, message.subarray(at, at + BLOCK))
    const blocks = [state]
    for (let j = 1; j * BLOCK < roundBytes; j++) {
      const counter = Buffer.alloc(BLOCK)
      counter.writeUInt32BE(j, BLOCK - 4)
      blocks.push(this.#encryptXor(state, counter))
    }
    return BigInt(`0x${Buffer.concat(blocks).toString('hex', 0, roundBytes)}`)
  }

  #encryptXor(left: Uint8Array, right: Uint8Array): Buffer {
    const block = Buffer.allocUnsafe(BLOCK)
    for (let i = 0; i < BLOCK; i++) block[i] = left[i]! ^ right[i]!
    return this.#cipher.update(block)
  }

  #frame(length: number): Frame {
    const known = this.#frames.get(length)
    if (known !== undefined) return known
    const frame = this.#newFrame(length)
    this.#frames.set(length, frame)
    return frame
  }

  #newFrame(length: number): Frame {
    const u = Math.floor(length / 2)
    const v = length - u
    const lowRange = BigInt(this.#radix) ** BigInt(v)
    const halfBytes = Math.ceil((lowRange - 1n).toString(2).length / 8)
    const tweakLength = this.#tweak.length
    const p = Buffer.from([1, 2, 1, 0, 0, 0, 10, u % 256, 0, 0, 0, 0, 0, 0, 0, 0])
    p.writeUIntBE(this.#radix, 3, 3)
    p.writeUInt32BE(length, 8)
    p.writeUInt32BE(tweakLength, 12)
    const message = Buffer.alloc(Math.ceil((tweakLength + halfBytes + 1) / BLOCK) * BLOCK)
    message.set(this.#tweak)
    return {
      highRange: BigInt(this.#radix) ** BigInt(u),
      lowRange,
      halfBytes,
      roundBytes: 4 * Math.ceil(halfBytes / 4) + 4,
      first: this.#encryptXor(p, Buffer.alloc(BLOCK)),
      message,
    }
  }
}
