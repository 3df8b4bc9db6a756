import type { Socket } from 'node:net'
import { lossOrError, marked } from '../errors.js'
import { MessageSplitter, type RowMessages } from './message-splitter.js'

/** The parts of pg's connection that a query object may use (the interface that pg-cursor and pg-copy-streams build on). */
interface PgWire {
  readonly stream: Socket
  query(text: string): void
}

/** Receives the row messages of a statement; exactly one of `end` and `fail` is called. */
export interface RowHandler {
  rows: RowMessages['rows']
  /** The server has confirmed so many rows and is ready for the next statement. */
  end(rows: number): void
  fail(error: unknown): void
}

const COPY_DONE = 0x63
const COMMAND_COMPLETE = 0x43
const ERROR_RESPONSE = 0x45

/** A statement that sends rows, as a query object of pg. Its row messages are taken off the socket before pg sees them,
 * as they are and without a copy; everything else goes to pg, which tells what became of the statement. See "COPY
 * Operations" and "Simple Query" in https://www.postgresql.org/docs/17/protocol-flow.html */
export class RowTap {
  /** pg replaces it when a query timeout is set. */
  callback: () => void = () => undefined
  #text: string
  #handler: RowHandler
  #splitter: MessageSplitter
  #wire: PgWire | undefined
  /** pg's own listeners, while the socket is tapped. */
  #listeners: ((chunk: Buffer) => void)[] = []
  #tapped = false
  #take = (chunk: Buffer): void => {
    if (this.#splitter.push(chunk)) return
    this.#untap()
    this.#fail(marked('AIRLOCK_PROTOCOL'))
    this.#wire?.stream.destroy()
  }
  #rows = Number.NaN
  #settled = false

  /** `rows` says which messages hold them: `copy` for `COPY … TO STDOUT`, `query` for what gives a result set. */
  constructor(text: string, rows: 'copy' | 'query', handler: RowHandler) {
    this.#text = text
    this.#handler = handler
    this.#splitter = new MessageSplitter(rows === 'copy' ? 'd' : 'D', {
      rows: (chunk, start, end, ended) => handler.rows(chunk, start, end, ended),
      other: (message) => {
        const over = message[0] === COPY_DONE || message[0] === COMMAND_COMPLETE || message[0] === ERROR_RESPONSE
        if (over) this.#untap()
        for (const listener of over ? [] : this.#listeners) listener(message)
        if (over) this.#wire?.stream.emit('data', message)
        return !over
      },
      rest: (bytes) => {
        if (bytes.length > 0) this.#wire?.stream.emit('data', bytes)
      },
    })
  }

  /** Stops reading the rows. What follows them is always read. */
  pause(): void {
    if (this.#tapped) this.#wire?.stream.pause()
  }

  resume(): void {
    if (this.#tapped) this.#wire?.stream.resume()
  }

  submit(connection: PgWire): void {
    this.#wire = connection
    const { stream } = connection
    this.#listeners = stream.rawListeners('data') as ((chunk: Buffer) => void)[]
    stream.removeAllListeners('data')
    stream.on('data', this.#take)
    this.#tapped = true
    connection.query(this.#text)
  }

  handleRowDescription(): void {
    // The columns are known already.
  }

  handleCommandComplete(message: { readonly text?: string }): void {
    this.#rows = Number(/^[A-Z]+ (\d+)$/.exec(message.text ?? '')?.[1] ?? Number.NaN)
  }

  handleReadyForQuery(): void {
    this.callback()
    if (!Number.isSafeInteger(this.#rows)) this.#fail(marked('AIRLOCK_PROTOCOL'))
    this.#settle(() => this.#handler.end(this.#rows))
  }

  handleError(native: unknown): void {
    this.callback()
    this.#untap()
    this.#fail(lossOrError(native))
  }

  #fail(error: unknown): void {
    this.#settle(() => this.#handler.fail(error))
  }

  #settle(finish: () => void): void {
    if (this.#settled) return
    this.#settled = true
    finish()
  }

  #untap(): void {
    if (!this.#tapped) return
    this.#tapped = false
    const { stream } = this.#wire!
    stream.removeListener('data', this.#take)
    for (const listener of this.#listeners) stream.on('data', listener)
    stream.resume()
  }
}
