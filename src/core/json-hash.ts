import type { CellHash } from './cell-hash.js'

/** Deeper documents are compared as text. */
const MAX_DEPTH = 1000

/** From this many members on, an object's keys are looked up in a map. */
const LINEAR_MEMBERS = 24

const SEED = {
  null: 11,
  true: 12,
  false: 13,
  number: 14,
  string: 15,
  array: 16,
  object: 17,
  key: 18,
  member: 19,
} as const

type Words = readonly [number, number, number, number]

/** Hashes JSON by what it says (RFC 8259): blanks, the order of members, escapes and the way a number is written make no
 * difference; numbers are compared exactly, digit by digit; of members with one name the last one counts, as in jsonb. */
export class JsonHash {
  #hash: CellHash
  #data: Uint8Array = new Uint8Array(0)
  #at = 0
  #end = 0
  #scratch = new Uint8Array(256)

  constructor(hash: CellHash) {
    this.#hash = hash
  }

  /** Leaves the hash of `data[start, end)` in the words of the cell hash. False for what is not JSON, or too deep. */
  text(data: Uint8Array, start: number, end: number): boolean {
    this.#data = data
    this.#at = start
    this.#end = end
    this.#blanks()
    if (!this.#value(0)) return false
    this.#blanks()
    return this.#at === end
  }

  #value(depth: number): boolean {
    const byte = this.#byte()
    if (byte === 0x7b) return depth < MAX_DEPTH && this.#object(depth + 1)
    if (byte === 0x5b) return depth < MAX_DEPTH && this.#array(depth + 1)
    if (byte === 0x22) return this.#string(SEED.string)
    if (byte === 0x6e) return this.#word('null', SEED.null)
    if (byte === 0x74) return this.#word('true', SEED.true)
    if (byte === 0x66) return this.#word('false', SEED.false)
    return this.#number()
  }

  #array(depth: number): boolean {
    let words: Words = [0, 0, 0, 0]
    let count = 0
    this.#at++
    this.#blanks()
    if (this.#byte() !== 0x5d) {
      do {
        this.#blanks()
        if (!this.#value(depth)) return false
        const [a, b, c, d] = this.#hash.words as unknown as Words
        this.#hash.mix(words[0] ^ a, (words[1] + b) | 0, words[2] ^ c, (words[3] + d) | 0, SEED.array)
        words = this.#words()
        count++
        this.#blanks()
      } while (this.#take(0x2c))
    }
    this.#hash.mix(words[0], words[1], words[2], words[3] ^ count, SEED.array)
    return this.#take(0x5d)
  }

  #object(depth: number): boolean {
    const members: [key: Words, value: Words][] = []
    let index: Map<string, number> | undefined
    this.#at++
    this.#blanks()
    if (this.#byte() !== 0x7d) {
      do {
        this.#blanks()
        if (this.#byte() !== 0x22 || !this.#string(SEED.key)) return false
        const key = this.#words()
        this.#blanks()
        if (!this.#take(0x3a)) return false
        this.#blanks()
        if (!this.#value(depth)) return false
        const value = this.#words()
        if (members.length === LINEAR_MEMBERS) index ??= new Map(members.map(([one], at) => [one.join(), at]))
        const before =
          index === undefined ? members.findIndex(([one]) => same(one, key)) : (index.get(key.join()) ?? -1)
        if (before >= 0) members[before]![1] = value
        else {
          index?.set(key.join(), members.length)
          members.push([key, value])
        }
        this.#blanks()
      } while (this.#take(0x2c))
    }
    let [a, b, c, d] = [0, 0, 0, 0]
    for (const [key, value] of members) {
      this.#hash.mix(
        (key[0] + value[0]) | 0,
        key[1] ^ value[1],
        (key[2] - value[2]) | 0,
        key[3] ^ value[3],
        SEED.member,
      )
      const { words } = this.#hash
      a = (a + words[0]!) | 0
      b = (b + words[1]!) | 0
      c = (c + words[2]!) | 0
      d = (d + words[3]!) | 0
    }
    this.#hash.mix(a, b, c, d ^ members.length, SEED.object)
    return this.#take(0x7d)
  }

  /** The significant digits and the exponent of their first one, so that 1.10, 1.1 and 11e-1 are one number. */
  #number(): boolean {
    const negative = this.#take(0x2d)
    let length = 0
    let exponent = 0
    let digits = 0
    let fraction = false
    for (; this.#at < this.#end; this.#at++) {
      const byte = this.#data[this.#at]!
      if (byte === 0x2e && !fraction && digits > 0) {
        fraction = true
        continue
      }
      if (byte < 0x30 || byte > 0x39) break
      digits++
      if (length > 0 || byte !== 0x30) {
        this.#room(length + 1)
        this.#scratch[length++] = byte
        if (!fraction) exponent++
      } else if (fraction) exponent--
    }
    if (digits === 0) return false
    if (this.#byte() === 0x65 || this.#byte() === 0x45) {
      const written = this.#exponent()
      if (written === undefined) return false
      exponent += written
    }
    while (length > 0 && this.#scratch[length - 1] === 0x30) length--
    const sign = negative && length > 0 ? 1 : 0
    this.#hash.bytes(this.#scratch, 0, length, SEED.number)
    const [a, b, c, d] = this.#words()
    this.#hash.mix(a, b ^ sign, c, d ^ (length === 0 ? 0 : exponent | 0), SEED.number)
    return true
  }

  #exponent(): number | undefined {
    this.#at++
    const negative = this.#take(0x2d)
    if (!negative) this.#take(0x2b)
    const start = this.#at
    let value = 0
    for (; this.#at < this.#end; this.#at++) {
      const digit = this.#data[this.#at]! - 0x30
      if (digit < 0 || digit > 9) break
      value = Math.min(value * 10 + digit, 1e9)
    }
    if (this.#at === start) return undefined
    return negative ? -value : value
  }

  /** The string's UTF-8 bytes, escapes undone. */
  #string(seed: number): boolean {
    const data = this.#data
    const start = ++this.#at
    while (this.#at < this.#end && data[this.#at] !== 0x22 && data[this.#at] !== 0x5c) this.#at++
    if (data[this.#at] === 0x22 && this.#at < this.#end) {
      this.#hash.bytes(data, start, this.#at++, seed)
      return true
    }
    let length = this.#at - start
    this.#room(length)
    this.#scratch.set(data.subarray(start, this.#at))
    while (this.#at < this.#end) {
      const byte = data[this.#at++]!
      if (byte === 0x22) {
        this.#hash.bytes(this.#scratch, 0, length, seed)
        return true
      }
      this.#room(length + 4)
      if (byte !== 0x5c) this.#scratch[length++] = byte
      else {
        const point = this.#escape()
        if (point < 0) return false
        length = utf8(this.#scratch, length, point)
      }
    }
    return false
  }

  /** The code point of an escape behind its backslash; -1 for one that does not exist. */
  #escape(): number {
    const byte = this.#byte()
    this.#at++
    if (byte !== 0x75) return ESCAPES[byte] ?? -1
    const first = this.#hex()
    const isHigh = first >= 0xd800 && first < 0xdc00
    if (!isHigh || this.#data[this.#at] !== 0x5c || this.#data[this.#at + 1] !== 0x75) return first
    const back = this.#at
    this.#at += 2
    const second = this.#hex()
    if (second >= 0xdc00 && second < 0xe000) return 0x10000 + ((first - 0xd800) << 10) + second - 0xdc00
    this.#at = back
    return first
  }

  #hex(): number {
    let value = 0
    for (let i = 0; i < 4; i++) {
      const byte = this.#byte()
      const lower = byte | 0x20
      const digit = byte >= 0x30 && byte <= 0x39 ? byte - 0x30 : lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1
      if (digit < 0) return -1
      value = value * 16 + digit
      this.#at++
    }
    return value
  }

  #word(text: string, seed: number): boolean {
    for (let i = 0; i < text.length; i++) if (!this.#take(text.charCodeAt(i))) return false
    this.#hash.mix(0, 0, 0, 0, seed)
    return true
  }

  #words(): Words {
    const { words } = this.#hash
    return [words[0]!, words[1]!, words[2]!, words[3]!]
  }

  #byte(): number {
    return this.#at < this.#end ? this.#data[this.#at]! : 0
  }

  #take(byte: number): boolean {
    if (this.#at >= this.#end || this.#data[this.#at] !== byte) return false
    this.#at++
    return true
  }

  #blanks(): void {
    for (; this.#at < this.#end; this.#at++) {
      const byte = this.#data[this.#at]!
      if (byte !== 0x20 && (byte < 0x09 || byte > 0x0d)) return
    }
  }

  #room(length: number): void {
    if (length <= this.#scratch.length) return
    const larger = new Uint8Array(Math.max(length, this.#scratch.length * 2))
    larger.set(this.#scratch)
    this.#scratch = larger
  }
}

/** What stands behind the backslash of the short escapes → its code point. */
const ESCAPES: Readonly<Record<number, number>> = {
  34: 0x22,
  92: 0x5c,
  47: 0x2f,
  98: 0x08,
  102: 0x0c,
  110: 0x0a,
  114: 0x0d,
  116: 0x09,
}

function same(left: Words, right: Words): boolean {
  return left[0] === right[0] && left[1] === right[1] && left[2] === right[2] && left[3] === right[3]
}

/** Writes one code point, a lone surrogate like any other of three bytes. Returns the new length. */
function utf8(into: Uint8Array, length: number, point: number): number {
  let at = length
  if (point < 0x80) into[at++] = point
  else if (point < 0x800) into[at++] = 0xc0 | (point >> 6)
  else if (point < 0x10000) {
    into[at++] = 0xe0 | (point >> 12)
    into[at++] = 0x80 | ((point >> 6) & 0x3f)
  } else {
    into[at++] = 0xf0 | (point >> 18)
    into[at++] = 0x80 | ((point >> 12) & 0x3f)
    into[at++] = 0x80 | ((point >> 6) & 0x3f)
  }
  if (point >= 0x80) into[at++] = 0x80 | (point & 0x3f)
  return at
}
