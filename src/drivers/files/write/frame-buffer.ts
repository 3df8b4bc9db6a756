import { isUtf8 } from 'node:buffer'
import { AirlockError } from '../../../errors/index.js'

/** Size of a frame: what one write to the file is about. */
const FRAME_BYTES = 256 * 1024

/** Bytes on their way into a file, whole rows at a time. The fields are public because an encoder's loop writes into them
 * directly. */
export class FrameBuffer {
  frame: Buffer = Buffer.allocUnsafeSlow(FRAME_BYTES)
  at = 0
  bytes = 0
  #emit: (frame: Buffer) => void
  #free: Buffer[] = []

  constructor(emit: (frame: Buffer) => void) {
    this.#emit = emit
  }

  /** Makes room for so many bytes behind what the open row has. */
  reserve(room: number): void {
    if (this.at + room <= this.frame.length) return
    const larger = Buffer.allocUnsafeSlow(Math.max(this.at + room, this.frame.length * 2))
    this.frame.copy(larger, 0, 0, this.at)
    this.frame = larger
  }

  put(bytes: Uint8Array): void {
    this.reserve(bytes.length)
    this.frame.set(bytes, this.at)
    this.at += bytes.length
  }

  /** A row is complete: a full frame is emitted. */
  endRow(): void {
    if (this.at >= FRAME_BYTES - 4096) this.flush()
  }

  /** Emits what is there. Throws VALUE_REJECTED for text that is not UTF-8: nobody could read it back. */
  flush(): void {
    if (this.at === 0) return
    const full = this.frame.subarray(0, this.at)
    if (!isUtf8(full)) throw new AirlockError('VALUE_REJECTED', { phase: 'write' })
    this.bytes += full.length
    this.#emit(full)
    this.frame = this.#free.pop() ?? Buffer.allocUnsafeSlow(FRAME_BYTES)
    this.at = 0
  }

  /** Takes back the memory of a frame that was written. */
  recycle(frame: Buffer): void {
    if (frame.buffer.byteLength === FRAME_BYTES && this.#free.length < 4) this.#free.push(Buffer.from(frame.buffer))
  }
}

/** The two hexadecimal digits of each byte. */
const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))
const HIGH = Uint8Array.from(HEX, (digits) => digits.charCodeAt(0))
const LOW = Uint8Array.from(HEX, (digits) => digits.charCodeAt(1))

/** Writes bytes as lower-case hexadecimal digits or base64 with padding. */
export function putBytes(out: FrameBuffer, form: 'hex' | 'base64', data: Uint8Array, start: number, end: number): void {
  out.reserve((end - start) * 2 + 4)
  if (form === 'base64') {
    const text = Buffer.from(data.buffer, data.byteOffset + start, end - start).toString('base64')
    out.at += out.frame.write(text, out.at, 'latin1')
    return
  }
  const { frame } = out
  let { at } = out
  for (let i = start; i < end; i++) {
    const byte = data[i]!
    frame[at++] = HIGH[byte]!
    frame[at++] = LOW[byte]!
  }
  out.at = at
}
