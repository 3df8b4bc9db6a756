import type { Socket } from 'node:net'
import { AirlockError, type Phase } from '../errors/index.js'

/** How long an operation may take to end after its abort, before its connection is taken from it. */
const ABORT_MS = 1000

/** A silence is measured in so many looks at the socket, each in a turn of the event loop of its own: one that was held
 * up by other work sees what has arrived meanwhile before it counts on. */
const LOOKS = 8

/** What a peer may be silent beyond its statement timeout, before it counts as gone. */
const SILENCE_MARGIN_MS = 1000

/** How long a peer may be silent while something is expected of it, in milliseconds: until the server's own limit for a
 * statement, if it has one, should have ended it, or `silence_timeout_ms`; undefined for as long as it likes. A statement
 * that moves bytes is never limited by this. */
export function silenceLimit(config: {
  readonly statement_timeout_ms?: number | undefined
  readonly silence_timeout_ms?: number | undefined
}): number | undefined {
  const { statement_timeout_ms: statement = 0, silence_timeout_ms: silence = 0 } = config
  const limits = [silence, statement === 0 ? 0 : statement + SILENCE_MARGIN_MS].filter((limit) => limit > 0)
  return limits.length === 0 ? undefined : Math.min(...limits)
}

/** One operation of a session: the signal that it works under, and the end of its patience. The signal aborts when the
 * caller's does, and with DEADLINE_EXCEEDED when the peer, while something is expected of it, has neither sent nor taken a
 * byte for `silenceMs`: the server's own statement timeout says nothing where the server is gone. After an abort the
 * operation has a second to end in an orderly way; then the connection is destroyed under it. */
export class Operation {
  readonly signal: AbortSignal
  #controller = new AbortController()
  #phase: Phase
  #socket: Socket | undefined
  #silenceMs: number | undefined
  #watch: NodeJS.Timeout | undefined
  #grace: NodeJS.Timeout | undefined
  #given: AbortSignal | undefined
  #forward = (): void => this.#abort(this.#given?.reason)
  #ended = false

  constructor(
    phase: Phase,
    given: AbortSignal | undefined,
    peer: { readonly socket: Socket | undefined; readonly silenceMs: number | undefined },
  ) {
    this.#phase = phase
    this.#given = given
    this.#socket = peer.socket
    this.#silenceMs = peer.silenceMs
    this.signal = this.#controller.signal
    given?.addEventListener('abort', this.#forward, { once: true })
    this.expectPeer()
  }

  /** From now on the peer's silence counts. */
  expectPeer(): void {
    const socket = this.#socket
    if (socket === undefined || this.#silenceMs === undefined || this.#ended) return
    clearInterval(this.#watch)
    let heard = socket.bytesRead + socket.bytesWritten
    let silent = 0
    this.#watch = setInterval(() => {
      // A session over HTTP may have gone on over another socket. One that is gone has told the client library so.
      if (socket.destroyed) return
      const now = socket.bytesRead + socket.bytesWritten
      silent = now === heard ? silent + 1 : 0
      heard = now
      if (silent >= LOOKS) this.#abort(new AirlockError('DEADLINE_EXCEEDED', { phase: this.#phase }))
    }, this.#silenceMs / LOOKS)
  }

  /** From now on the next move is somebody else's: the consumer's of rows, or the source's of a write. */
  expectOthers(): void {
    clearInterval(this.#watch)
  }

  end(): void {
    this.#ended = true
    clearInterval(this.#watch)
    clearTimeout(this.#grace)
    this.#given?.removeEventListener('abort', this.#forward)
  }

  #abort(reason: unknown): void {
    if (this.signal.aborted) return
    clearInterval(this.#watch)
    this.#grace = setTimeout(() => this.#socket?.destroy(), ABORT_MS)
    this.#controller.abort(reason)
  }
}
