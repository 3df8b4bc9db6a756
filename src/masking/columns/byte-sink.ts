/** A growable byte buffer that masks append to: `bytes[0, length)` is what was written so far, the rest is spare room.
 * Setting `length` to 0 reuses the memory for the next batch. `reserve(n)` makes room for n more bytes and may replace
 * `bytes`, so nobody keeps that array across an append. Single owner, not safe to share. */
export class ByteSink {
  bytes: Uint8Array
  length = 0

  constructor(capacity = 4096) {
    this.bytes = new Uint8Array(capacity)
  }

  reserve(extra: number): void {
    const needed = this.length + extra
    if (needed <= this.bytes.length) return
    const grown = new Uint8Array(Math.max(needed, this.bytes.length * 2))
    grown.set(this.bytes.subarray(0, this.length))
    this.bytes = grown
  }

  /** Appends source[start, end). */
  append(source: Uint8Array, start: number, end: number): void {
    this.reserve(end - start)
    const target = this.bytes
    let at = this.length
    // Cells are short: a loop beats creating a view for set() up to about this size.
    if (end - start <= 96) for (let i = start; i < end; i++) target[at++] = source[i]!
    else {
      target.set(source.subarray(start, end), at)
      at += end - start
    }
    this.length = at
  }

  /** Appends text whose characters are all below U+0100, one byte each. */
  appendLatin1(text: string): void {
    this.reserve(text.length)
    const target = this.bytes
    let at = this.length
    for (let i = 0; i < text.length; i++) target[at++] = text.charCodeAt(i)
    this.length = at
  }
}
