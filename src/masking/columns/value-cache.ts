import type { ByteSink } from './byte-sink.js'

const SLOTS = 4096
const NEIGHBOURS = 4
const LONGEST_VALUE = 48
const TRIAL = 8192
const PAUSE = 65536
const EMPTY = 255

/** A bounded memory of recent values and their results, for columns whose values repeat. A value may lie in one of four
 * neighbouring slots, found by its FNV-1a hash and confirmed byte for byte; when all four are taken, the newer value
 * replaces one. When fewer than 1 in 16 look-ups of a trial hit, the cache rests for the next 65,536 values, so a column
 * of distinct values pays next to nothing. About 0.4 MiB; results must all have `resultLength` bytes. */
export class ValueCache {
  readonly #resultLength: number
  readonly #values = new Uint8Array(SLOTS * LONGEST_VALUE)
  readonly #lengths = new Uint8Array(SLOTS).fill(EMPTY)
  readonly #hashes = new Int32Array(SLOTS)
  readonly #results: Uint8Array
  #slot = -1
  #hash = 0
  #lookups = 0
  #hits = 0
  #resting = 0

  constructor(resultLength: number) {
    this.#resultLength = resultLength
    this.#results = new Uint8Array(SLOTS * resultLength)
  }

  /** Appends the known result of data[start, end) to `out` and returns true, or returns false. */
  lookup(data: Uint8Array, start: number, end: number, out: ByteSink): boolean {
    this.#slot = -1
    if (this.#resting > 0) {
      this.#resting--
      return false
    }
    const size = end - start
    if (size > LONGEST_VALUE) return false
    if (++this.#lookups === TRIAL) this.#judge()
    let hash = 0x811c9dc5 | 0
    for (let i = start; i < end; i++) hash = Math.imul(hash ^ data[i]!, 0x01000193)
    const home = hash ^ (hash >>> 15)
    let free = (home + ((hash >>> 24) % NEIGHBOURS)) & (SLOTS - 1)
    for (let i = 0; i < NEIGHBOURS; i++) {
      const slot = (home + i) & (SLOTS - 1)
      if (this.#lengths[slot] === EMPTY) {
        free = slot
        break
      }
      if (this.#hashes[slot] === hash && this.#lengths[slot] === size && this.#holds(slot, data, start, end)) {
        this.#hits++
        out.append(this.#results, slot * this.#resultLength, (slot + 1) * this.#resultLength)
        return true
      }
    }
    this.#slot = free
    this.#hash = hash
    return false
  }

  /** Remembers the result that ends `out` for the value of the last, failed look-up. */
  remember(data: Uint8Array, start: number, end: number, out: ByteSink): void {
    const slot = this.#slot
    if (slot < 0) return
    this.#lengths[slot] = end - start
    this.#hashes[slot] = this.#hash
    for (let i = start, at = slot * LONGEST_VALUE; i < end; i++, at++) this.#values[at] = data[i]!
    const size = this.#resultLength
    for (let i = 0, at = slot * size, from = out.length - size; i < size; i++) this.#results[at++] = out.bytes[from++]!
  }

  #holds(slot: number, data: Uint8Array, start: number, end: number): boolean {
    const values = this.#values
    for (let i = start, at = slot * LONGEST_VALUE; i < end; i++, at++) if (values[at] !== data[i]) return false
    return true
  }

  #judge(): void {
    if (this.#hits * 16 < TRIAL) this.#resting = PAUSE
    this.#lookups = 0
    this.#hits = 0
  }
}
