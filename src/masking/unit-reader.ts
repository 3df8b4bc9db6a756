import { endianness } from 'node:os'

const BLOCK = 8192
const SWAPS = endianness() === 'BE'

/** Copies text, a block at a time, into an array of UTF-16 units. Reading units from an array instead of a string costs a
 * third less, since a string that was concatenated or cut from another is looked through again for every unit. */
export class UnitReader {
  readonly units = new Uint16Array(BLOCK)
  readonly #bytes = Buffer.from(this.units.buffer)

  /** Copies what fits of a text from an index on; returns how many units that is. */
  load(text: string, from: number): number {
    const length = Math.min(BLOCK, text.length - from)
    this.#bytes.write(length === text.length ? text : text.slice(from, from + length), 0, 'utf16le')
    if (SWAPS) this.#bytes.swap16()
    return length
  }
}
