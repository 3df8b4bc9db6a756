/** sfc32 (Chris Doty-Humphrey, PractRand): small, quick and the same on every machine, which is all that test data asks
 * of it. One seed gives one data set, byte for byte. */
export class Random {
  #a: number
  #b: number
  #c: number
  #counter = 1

  constructor(seed: number) {
    this.#a = seed | 0
    this.#b = 0x9e3779b9
    this.#c = 0x243f6a88
    for (let i = 0; i < 16; i++) this.uint32()
  }

  /** Uniform in 0 … 2^32 − 1. */
  uint32(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0
    this.#counter = (this.#counter + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0
    return sum >>> 0
  }

  /** A whole number in 0 … bound − 1, for bounds up to 2^32. */
  below(bound: number): number {
    return Math.floor((this.uint32() / 0x1_0000_0000) * bound)
  }

  /** Uniform in [0, 1) with all 53 bits of a double. */
  fraction(): number {
    return ((this.uint32() >>> 5) * 0x400_0000 + (this.uint32() >>> 6)) / 0x20_0000_0000_0000
  }

  pick<Item>(items: readonly Item[]): Item {
    return items[this.below(items.length)] as Item
  }

  /** Shuffles in place (Fisher and Yates). */
  shuffle<Item>(items: Item[]): Item[] {
    for (let last = items.length - 1; last > 0; last--) {
      const other = this.below(last + 1)
      const held = items[last] as Item
      items[last] = items[other] as Item
      items[other] = held
    }
    return items
  }
}
