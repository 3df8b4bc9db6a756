import { closeSync, openSync, rmSync, writeSync } from 'node:fs'
import { MAX_FRAME_BYTES, type NewFrame, PROTOCOL_VERSION } from './protocol.js'

/** How long a frame may wait for a reader that takes nothing, in milliseconds, and how long those after it. Nothing is lost:
 * the file has the frame, and the work goes on meanwhile. */
const STALL_MS = 2000
const STALLED_MS = 20
const PAUSE_MS = 2

export interface FrameWriterOptions {
  /** Standard output where it is not given. */
  readonly fd?: number
  /** The file of events, in which the host looks for what it missed. */
  readonly file: string
  /** Masks text that comes from the work. */
  readonly mask: (text: string) => string
  /** Told once when nobody can read the output any more. */
  readonly onGone: () => void
}

/** Numbers frames and writes each as one line of JSON, synchronously, so that nothing is lost when the process ends: first
 * to the file of events, then to the output. A reader that takes nothing for two seconds loses the frame on the output
 * alone, and finds it in the file by its number. Never throws. */
export class FrameWriter {
  readonly #options: FrameWriterOptions
  readonly #fd: number
  readonly #pause = new Int32Array(new SharedArrayBuffer(4))
  #file: number | undefined
  #seq = 0
  /** What is left of a line that the output has taken in part; nothing may come before it. */
  #rest: Buffer = Buffer.alloc(0)
  #stalled = false
  #gone = false

  /** Throws what opening the file throws. */
  constructor(options: FrameWriterOptions) {
    this.#options = options
    this.#fd = options.fd ?? 1
    // A worker of before, whose start got no answer, keeps a file that has no name any more.
    rmSync(options.file, { force: true })
    this.#file = openSync(options.file, 'ax', 0o600)
  }

  write(frame: NewFrame): void {
    const line = this.#line(frame)
    const isKept = this.#keep(line)
    this.#print(line)
    if (isKept) return
    const data = { problem: 'the file of events cannot be written' }
    this.#print(this.#line({ t: 'event', name: 'warning.raised', data }))
  }

  /** Ends the file of events; from now on frames go to the output alone. */
  closeFile(): void {
    if (this.#file === undefined) return
    closeSync(this.#file)
    this.#file = undefined
  }

  #line(frame: NewFrame): Buffer {
    const seq = this.#seq++
    const line = lineOf(seq, masked(frame, this.#options.mask))
    if (line.length <= MAX_FRAME_BYTES) return line
    const data = { problem: 'frame too long', frame: frame.t, bytes: line.length }
    return lineOf(seq, { t: 'event', name: 'warning.raised', data })
  }

  /** False where the file cannot take it, which is not tried again. */
  #keep(line: Buffer): boolean {
    if (this.#file === undefined) return true
    try {
      for (let at = 0; at < line.length; ) at += writeSync(this.#file, line, at, line.length - at)
      return true
    } catch {
      this.#file = undefined
      return false
    }
  }

  #print(line: Buffer): void {
    if (this.#gone) return
    const deadline = performance.now() + (this.#stalled ? STALLED_MS : STALL_MS)
    this.#rest = this.#push(this.#rest, deadline)
    const left = this.#rest.length > 0 ? line : this.#push(line, deadline)
    this.#stalled = left.length > 0
    // A line of which nothing was taken is left out: the next one may be, and the reader asks for what is missing.
    if (left.length < line.length) this.#rest = left
  }

  /** What the output did not take until the deadline. */
  #push(bytes: Buffer, deadline: number): Buffer {
    let left = bytes
    while (left.length > 0 && !this.#gone) {
      try {
        left = left.subarray(writeSync(this.#fd, left))
      } catch (error) {
        if (!isFull(error)) this.#leave()
        else if (performance.now() >= deadline) return left
        else Atomics.wait(this.#pause, 0, 0, PAUSE_MS)
      }
    }
    return left
  }

  #leave(): void {
    this.#gone = true
    this.#options.onGone()
  }
}

/** A pipe without room, in an output that does not block. */
function isFull(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'EAGAIN' || error.code === 'EINTR')
}

function lineOf(seq: number, frame: NewFrame): Buffer {
  return Buffer.from(`${JSON.stringify({ v: PROTOCOL_VERSION, seq, ...frame })}\n`, 'utf8')
}

/** The other frames hold ids, closed words, digests and numbers only. */
function masked(frame: NewFrame, mask: (text: string) => string): NewFrame {
  if (frame.t === 'progress') return { ...frame, stream: mask(frame.stream).slice(0, 200) }
  if (frame.t !== 'event') return frame
  const data = Object.entries(frame.data).map(([name, value]) => [
    name,
    typeof value === 'string' ? mask(value) : value,
  ])
  return { ...frame, data: Object.fromEntries(data) }
}
