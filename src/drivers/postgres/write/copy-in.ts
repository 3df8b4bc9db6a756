import type { Socket } from 'node:net'
import { lossOrError } from '../errors.js'

/** The parts of pg's connection that a query object may use (the interface that pg-cursor and pg-copy-streams build on). */
interface PgWire {
  readonly stream: Socket
  query(text: string): void
  sendCopyFail(message: string): void
}

/** Room for the head of a CopyData message in front of each frame. */
export const FRAME_HEAD = 5

const COPY_DATA = 0x64
const COPY_DONE = Buffer.from([0x63, 0, 0, 0, 4])

/** `COPY … FROM STDIN` as a query object of pg. Frames are written straight to the socket: whoever fills them leaves
 * `FRAME_HEAD` bytes free, so that a frame is one write without a copy. See "COPY Operations" in
 * https://www.postgresql.org/docs/17/protocol-flow.html */
export class CopyIn {
  /** pg replaces it when a query timeout is set. */
  callback: () => void = () => undefined
  #text: string
  #wire: PgWire | undefined
  #ready = deferred<void>()
  #done = deferred<number>()
  #rows = 0
  #refusal: { readonly error: unknown } | undefined
  #onRefusal: ((error: unknown) => void) | undefined

  constructor(text: string) {
    this.#text = text
  }

  /** Resolves when the server accepts rows; rejects when it refuses the statement. */
  get ready(): Promise<void> {
    return this.#ready.promise
  }

  /** Rejects as soon as the server refuses something; resolves after `finish` with the rows of its command tag. */
  get done(): Promise<number> {
    return this.#done.promise
  }

  /** Sends one frame, of which the first FRAME_HEAD bytes are ours. False: wait for the socket to drain. `sent` is called
   * when the frame's memory is free again. */
  send(frame: Uint8Array, sent: () => void): boolean {
    const length = frame.length - 1
    frame[0] = COPY_DATA
    frame[1] = length >>> 24
    frame[2] = (length >>> 16) & 0xff
    frame[3] = (length >>> 8) & 0xff
    frame[4] = length & 0xff
    return this.#wire!.stream.write(frame, sent)
  }

  /** Sends whole CopyData messages as they are, in one write. False: wait for the socket to drain. */
  relay(messages: readonly Uint8Array[]): boolean {
    const { stream } = this.#wire!
    stream.cork()
    let room = true
    for (const piece of messages) room = stream.write(piece)
    stream.uncork()
    return room
  }

  /** Settles like `work`, or rejects as soon as the server refuses something. One call at a time. It leaves nothing behind
   * on a promise that lives as long as the COPY, as a race would for each of its many calls. */
  unlessRefused<T>(work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#refusal !== undefined) return reject(this.#refusal.error)
      this.#onRefusal = reject
      work.then(resolve, reject)
    })
  }

  /** Resolves when the socket takes more. */
  drained(): Promise<void> {
    const { stream } = this.#wire!
    return this.unlessRefused(new Promise((resolve) => stream.once('drain', resolve)))
  }

  /** Says that all rows were sent; `done` tells the outcome. */
  finish(): void {
    this.#wire!.stream.write(COPY_DONE)
  }

  /** Makes the server drop all rows; `done` rejects when it did. */
  abandon(): void {
    this.#wire?.sendCopyFail('stopped by the client')
  }

  submit(connection: PgWire): void {
    this.#wire = connection
    connection.query(this.#text)
  }

  handleCopyInResponse(): void {
    this.#ready.resolve()
  }

  handleError(native: unknown): void {
    const error = lossOrError(native)
    this.callback()
    this.#refusal = { error }
    this.#onRefusal?.(error)
    this.#ready.reject(error)
    this.#done.reject(error)
  }

  handleCommandComplete(message: { readonly text?: string }): void {
    this.#rows = Number(/^COPY (\d+)$/.exec(message.text ?? '')?.[1] ?? Number.NaN)
  }

  handleReadyForQuery(): void {
    this.callback()
    this.#done.resolve(this.#rows)
  }
}

interface Deferred<T> {
  readonly promise: Promise<T>
  resolve(value: T): void
  reject(error: unknown): void
}

function deferred<T>(): Deferred<T> {
  let resolve: (value: T) => void = () => undefined
  let reject: (error: unknown) => void = () => undefined
  const promise = new Promise<T>((onResolve, onReject) => {
    resolve = onResolve
    reject = onReject
  })
  // Whoever waits is told; nobody waiting is not an unhandled rejection.
  promise.then(undefined, () => undefined)
  return { promise, resolve, reject }
}
