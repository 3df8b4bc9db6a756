const C1 = 0x239b961b
const C2 = 0xab0e9789 | 0
const C3 = 0x38b34ae5
const C4 = 0xa1e38b93 | 0

/** 128-bit hash of a run of bytes: MurmurHash3_x86_128 (Austin Appleby, public domain), which is fast and well spread and no
 * protection against somebody who wants a collision. The four words of the last hash are in `words`, so that hashing a cell
 * allocates nothing. */
export class CellHash {
  readonly words = new Uint32Array(4)

  /** Hashes `data[start, end)`. Equal bytes with different seeds (32 bits) give unrelated hashes. */
  bytes(data: Uint8Array, start: number, end: number, seed: number): void {
    let h1 = seed | 0
    let h2 = seed | 0
    let h3 = seed | 0
    let h4 = seed | 0
    let at = start
    for (const blocks = end - 15; at < blocks; at += 16) {
      h1 ^= scramble(word(data, at), C1, 15, C2)
      h1 = (Math.imul(((h1 << 19) | (h1 >>> 13)) + h2, 5) + 0x561ccd1b) | 0
      h2 ^= scramble(word(data, at + 4), C2, 16, C3)
      h2 = (Math.imul(((h2 << 17) | (h2 >>> 15)) + h3, 5) + 0x0bcaa747) | 0
      h3 ^= scramble(word(data, at + 8), C3, 17, C4)
      h3 = (Math.imul(((h3 << 15) | (h3 >>> 17)) + h4, 5) + 0x96cd1c35) | 0
      h4 ^= scramble(word(data, at + 12), C4, 18, C1)
      h4 = (Math.imul(((h4 << 13) | (h4 >>> 19)) + h1, 5) + 0x32ac3b17) | 0
    }
    const left = end - at
    if (left > 12) h4 ^= scramble(partial(data, at + 12, left - 12), C4, 18, C1)
    if (left > 8) h3 ^= scramble(left >= 12 ? word(data, at + 8) : partial(data, at + 8, left - 8), C3, 17, C4)
    if (left > 4) h2 ^= scramble(left >= 8 ? word(data, at + 4) : partial(data, at + 4, left - 4), C2, 16, C3)
    if (left > 0) h1 ^= scramble(left >= 4 ? word(data, at) : partial(data, at, left), C1, 15, C2)
    this.#finish(h1, h2, h3, h4, end - start)
  }

  /** Hashes four 32-bit words, e.g. of a number or of another hash. */
  mix(a: number, b: number, c: number, d: number, seed: number): void {
    const h1 = seed ^ scramble(a, C1, 15, C2)
    const h2 = seed ^ scramble(b, C2, 16, C3)
    const h3 = seed ^ scramble(c, C3, 17, C4)
    const h4 = seed ^ scramble(d, C4, 18, C1)
    this.#finish(h1, h2, h3, h4, 16)
  }

  #finish(a: number, b: number, c: number, d: number, length: number): void {
    let h1 = a ^ length
    let h2 = b ^ length
    let h3 = c ^ length
    let h4 = d ^ length
    h1 = (h1 + h2 + h3 + h4) | 0
    h2 = avalanche((h2 + h1) | 0)
    h3 = avalanche((h3 + h1) | 0)
    h4 = avalanche((h4 + h1) | 0)
    h1 = avalanche(h1)
    h1 = (h1 + h2 + h3 + h4) | 0
    const { words } = this
    words[0] = h1
    words[1] = h2 + h1
    words[2] = h3 + h1
    words[3] = h4 + h1
  }
}

function scramble(k: number, first: number, turn: number, second: number): number {
  const product = Math.imul(k, first)
  return Math.imul((product << turn) | (product >>> (32 - turn)), second)
}

function word(data: Uint8Array, at: number): number {
  return data[at]! | (data[at + 1]! << 8) | (data[at + 2]! << 16) | (data[at + 3]! << 24)
}

/** One to three bytes as the low ones of a word. */
function partial(data: Uint8Array, at: number, length: number): number {
  let value = data[at]!
  if (length > 1) value |= data[at + 1]! << 8
  if (length > 2) value |= data[at + 2]! << 16
  return value
}

function avalanche(value: number): number {
  let h = value
  h ^= h >>> 16
  h = Math.imul(h, 0x85ebca6b)
  h ^= h >>> 13
  h = Math.imul(h, 0xc2b2ae35)
  return h ^ (h >>> 16)
}
