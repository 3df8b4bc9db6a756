import { createHmac, hash } from 'node:crypto'

const BLOCK = 64
const VIEWS = 256
const LARGEST_COPY = 16 * 1024

/** HMAC-SHA256 (RFC 2104, FIPS 198-1) for many short values under one key: the padded keys are prepared once and each
 * value costs two one-shot hashes, a third of what `createHmac` takes to set up. Values beyond 16 KiB go through
 * `createHmac`, where set-up no longer matters and a copy would. */
export class KeyedHash {
  readonly #key: Buffer
  readonly #outer = Buffer.alloc(BLOCK + 32, 0x5c)
  readonly #inner = Buffer.alloc(BLOCK + LARGEST_COPY, 0x36)
  readonly #views: (Buffer | undefined)[] = new Array<Buffer | undefined>(VIEWS).fill(undefined)

  constructor(key: Uint8Array) {
    this.#key = key.length > BLOCK ? Buffer.from(hash('sha256', key, 'hex'), 'hex') : Buffer.from(key)
    for (let i = 0; i < this.#key.length; i++) {
      this.#inner[i] = 0x36 ^ this.#key[i]!
      this.#outer[i] = 0x5c ^ this.#key[i]!
    }
  }

  /** The 32 bytes of the HMAC of data[start, end), one character per byte: node returns short strings faster than
   * short buffers. */
  digest(data: Uint8Array, start: number, end: number): string {
    const size = end - start
    if (size > LARGEST_COPY) {
      return createHmac('sha256', this.#key).update(data.subarray(start, end)).digest('binary')
    }
    const inner = this.#inner
    if (size <= 96) for (let i = start, at = BLOCK; i < end; i++) inner[at++] = data[i]!
    else inner.set(data.subarray(start, end), BLOCK)
    this.#outer.write(hash('sha256', this.#view(size), 'binary'), BLOCK, 'latin1')
    return hash('sha256', this.#outer, 'binary')
  }

  #view(size: number): Buffer {
    if (size >= VIEWS) return this.#inner.subarray(0, BLOCK + size)
    let view = this.#views[size]
    if (view === undefined) {
      view = this.#inner.subarray(0, BLOCK + size)
      this.#views[size] = view
    }
    return view
  }
}
