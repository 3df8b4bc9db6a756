import { CellHash } from './cell-hash.js'
import type { LogicalKind } from './column-type.js'
import { floatOf } from './float-bits.js'
import { intervalOf } from './interval-parts.js'
import { JsonHash } from './json-hash.js'

const SEED = { plain: 1, negative: 2, bc: 3, null: 4, float: 5, interval: 6 } as const

/** How a kind's cells are made equal; kinds that are not here count byte by byte. */
const STEPS: Readonly<Partial<Record<LogicalKind, Step>>> = {
  boolean: 'boolean',
  int16: 'decimal',
  int32: 'decimal',
  int64: 'decimal',
  uint64: 'decimal',
  decimal: 'decimal',
  float32: 'float32',
  float64: 'float64',
  date: 'moment',
  time: 'moment',
  timestamp: 'moment',
  timestamptz: 'moment',
  interval: 'interval',
  uuid: 'uuid',
  json: 'json',
}

type Step = 'boolean' | 'decimal' | 'float32' | 'float64' | 'moment' | 'interval' | 'uuid' | 'json'

const ONE = Uint8Array.of(0x31)
const MINUS = 0x2d
const PLUS = 0x2b
const POINT = 0x2e
const ZERO = 0x30
const NINE = 0x39

/** Hashes cells so that equal values are equal, however an engine writes them. The result is in `words`. */
export class NormalHash {
  readonly words: Uint32Array
  readonly #hash = new CellHash()
  readonly #json = new JsonHash(this.#hash)
  readonly #float = new Float64Array(1)
  readonly #bits = new Uint32Array(this.#float.buffer)
  #scratch = new Uint8Array(64)

  constructor() {
    this.words = this.#hash.words
  }

  null(): void {
    this.#hash.mix(0, 0, 0, 0, SEED.null)
  }

  /** Hashes the cell `data[start, end)` as a value of the kind. */
  cell(kind: LogicalKind, data: Uint8Array, start: number, end: number): void {
    const step = STEPS[kind]
    if (step === undefined) this.#hash.bytes(data, start, end, SEED.plain)
    else if (step === 'decimal') this.#decimal(data, start, end)
    else if (step === 'moment') this.#moment(data, start, end)
    else if (step === 'boolean') this.#boolean(data, start, end)
    else if (step === 'float32') this.#number(Math.fround(floatOf(data, start, end)))
    else if (step === 'float64') this.#number(floatOf(data, start, end))
    else if (step === 'interval') this.#interval(data, start, end)
    else if (step === 'uuid') this.#uuid(data, start, end)
    else if (!this.#json.text(data, start, end)) this.#hash.bytes(data, start, end, SEED.plain)
  }

  /** As the numbers 1 and 0: engines without booleans keep them so. */
  #boolean(data: Uint8Array, start: number, end: number): void {
    const letter = end - start === 1 ? data[start] : undefined
    if (letter === 0x74) this.#hash.bytes(ONE, 0, 1, SEED.plain)
    else if (letter === 0x66) this.#hash.bytes(ONE, 0, 0, SEED.plain)
    else this.#decimal(data, start, end)
  }

  /** The digits without zeros that say nothing; the sign goes into the seed. Zero is no digits. */
  #decimal(data: Uint8Array, from: number, to: number): void {
    let start = from
    let end = to
    const negative = data[start] === MINUS
    if (negative || data[start] === PLUS) start++
    while (start < end && data[start] === ZERO) start++
    let point = start
    while (point < end && data[point]! >= ZERO && data[point]! <= NINE) point++
    if (point < end && data[point] === POINT) {
      while (data[end - 1] === ZERO) end--
      if (end - 1 === point) end--
    }
    this.#hash.bytes(data, start, end, negative && end > start ? SEED.negative : SEED.plain)
  }

  /** By the bits of the double, with one NaN and one zero. */
  #number(value: number): void {
    this.#float[0] = value === 0 ? 0 : value
    this.#hash.mix(this.#bits[0]!, this.#bits[1]!, 0, 0, SEED.float)
  }

  /** Without zeros at the end of the fraction, and without the zone, which is UTC. */
  #moment(data: Uint8Array, start: number, to: number): void {
    let end = to
    const bc = end - start > 3 && data[end - 1] === 0x43 && data[end - 2] === 0x42 && data[end - 3] === 0x20
    if (bc) end -= 3
    if (end - start > 3 && data[end - 3] === PLUS && data[end - 2] === ZERO && data[end - 1] === ZERO) end -= 3
    // The point of a fraction has one to six digits behind it.
    let point = end - 1
    while (point > start && end - point <= 7 && data[point] !== POINT) point--
    if (data[point] === POINT) {
      while (data[end - 1] === ZERO) end--
      if (end - 1 === point) end--
    }
    this.#hash.bytes(data, start, end, bc ? SEED.bc : SEED.plain)
  }

  #interval(data: Uint8Array, start: number, end: number): void {
    const parts = intervalOf(Buffer.from(data.buffer, data.byteOffset + start, end - start).toString('latin1'))
    if (parts === undefined) {
      this.#hash.bytes(data, start, end, SEED.plain)
      return
    }
    const high = Math.floor(parts.seconds / 2 ** 32)
    this.#hash.mix(parts.months ^ (high << 16), parts.days, parts.seconds % 2 ** 32, parts.micros, SEED.interval)
  }

  #uuid(data: Uint8Array, start: number, end: number): void {
    const length = end - start
    if (length > this.#scratch.length) this.#scratch = new Uint8Array(length)
    for (let at = 0; at < length; at++) {
      const byte = data[start + at]!
      this.#scratch[at] = byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte
    }
    this.#hash.bytes(this.#scratch, 0, length, SEED.plain)
  }
}
