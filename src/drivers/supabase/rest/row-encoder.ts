import type { Batch, Column } from '../../../core/batch.js'
import { AirlockError } from '../../../errors/index.js'

const QUOTE = 0x22
const BACKSLASH = 0x5c
const HEX = Buffer.from('0123456789abcdef')
const NULL = Buffer.from('null')

/** Encodes rows as JSON objects for PostgREST. Every value is a string, which Postgres reads with the input function of
 * its type, so that no number loses a digit; JSON goes in as it is. RFC 8259. */
export class RowEncoder {
  #columns: readonly Column[]
  #names: readonly Buffer[]
  #out = Buffer.allocUnsafe(64 * 1024)
  #at = 0

  constructor(columns: readonly Column[]) {
    this.#names = columns.map(({ name }, index) => Buffer.from(`${index === 0 ? '{' : ','}${JSON.stringify(name)}:`))
    this.#columns = columns
  }

  get size(): number {
    return this.#at
  }

  row(batch: Batch, row: number, first: boolean): void {
    if (!first) this.#byte(0x2c)
    for (let column = 0; column < this.#names.length; column++) {
      this.#bytes(this.#names[column]!)
      const cell = batch.cell(row, column)
      const { kind } = this.#columns[column]!.type
      if (cell === null) this.#bytes(NULL)
      else if (kind === 'json') this.#json(cell, column)
      else if (kind === 'bytes') this.#hex(cell)
      else this.#text(cell)
    }
    this.#byte(0x7d)
  }

  /** What was encoded since the last call. */
  take(): Uint8Array {
    const taken = Buffer.from(this.#out.subarray(0, this.#at))
    this.#at = 0
    return taken
  }

  #json(cell: Uint8Array, column: number): void {
    // No other JSON text begins with an n.
    if (cell.find((byte) => byte > 0x20) === 0x6e) {
      throw new AirlockError('VALUE_POLICY', { phase: 'write', params: { at: this.#columns[column]!.name } })
    }
    this.#bytes(cell)
  }

  #text(cell: Uint8Array): void {
    this.#reserve(cell.length * 6 + 2)
    const out = this.#out
    let at = this.#at
    out[at++] = QUOTE
    for (let i = 0; i < cell.length; i++) {
      const byte = cell[i]!
      if (byte === QUOTE || byte === BACKSLASH) {
        out[at++] = BACKSLASH
        out[at++] = byte
      } else if (byte < 0x20) {
        out.set([BACKSLASH, 0x75, 0x30, 0x30, HEX[byte >> 4]!, HEX[byte & 15]!], at)
        at += 6
      } else out[at++] = byte
    }
    out[at++] = QUOTE
    this.#at = at
  }

  /** `\x` and two digits a byte, which is how Postgres reads bytea. */
  #hex(cell: Uint8Array): void {
    const text = `"\\\\x${Buffer.from(cell.buffer, cell.byteOffset, cell.byteLength).toString('hex')}"`
    this.#bytes(Buffer.from(text, 'latin1'))
  }

  #bytes(bytes: Uint8Array): void {
    this.#reserve(bytes.length)
    this.#out.set(bytes, this.#at)
    this.#at += bytes.length
  }

  #byte(byte: number): void {
    this.#reserve(1)
    this.#out[this.#at++] = byte
  }

  #reserve(room: number): void {
    if (this.#at + room <= this.#out.length) return
    const larger = Buffer.allocUnsafe(Math.max(this.#at + room, this.#out.length * 2))
    larger.set(this.#out.subarray(0, this.#at))
    this.#out = larger
  }
}
