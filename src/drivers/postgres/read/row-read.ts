import { lossOrError } from '../errors.js'
import type { PgField } from '../native.js'

/** The parts of pg's connection that a query object may use. */
interface PgWire {
  readonly stream: { cork(): void; uncork(): void }
  parse(message: { readonly text: string; readonly name: string }): void
  bind(message: { readonly portal: string; readonly statement: string; readonly values: readonly never[] }): void
  describe(message: { readonly type: 'P'; readonly name: string }): void
  execute(message: { readonly portal: string; readonly rows: number }): void
  sync(): void
  sendCopyFail(message: string): void
}

/** One statement by the extended protocol, as a query object of pg: parsed alone, run once, and suspended by the server
 * after `maxRows` rows, so that what lies behind them is never sent. See "Extended Query" in
 * https://www.postgresql.org/docs/17/protocol-flow.html */
export class RowRead {
  /** pg replaces it when a query timeout is set. */
  callback: () => void = () => undefined
  readonly maxRows: number
  readonly done: Promise<void>
  #fields: readonly PgField[] | undefined
  #text: string
  #row: (cells: readonly (string | null)[], fields: readonly PgField[]) => void
  #resolve: () => void = () => undefined
  #reject: (error: unknown) => void = () => undefined

  constructor(
    text: string,
    maxRows: number,
    row: (cells: readonly (string | null)[], fields: readonly PgField[]) => void,
  ) {
    this.#text = text
    this.maxRows = maxRows
    this.#row = row
    this.done = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    // Whoever waits is told; nobody waiting is not an unhandled rejection.
    this.done.then(undefined, () => undefined)
  }

  /** What the rows are made of; undefined for a statement that gives none. */
  get fields(): readonly PgField[] | undefined {
    return this.#fields
  }

  submit(wire: PgWire): void {
    wire.stream.cork()
    try {
      wire.parse({ text: this.#text, name: '' })
      wire.bind({ portal: '', statement: '', values: [] })
      wire.describe({ type: 'P', name: '' })
      wire.execute({ portal: '', rows: this.maxRows })
      wire.sync()
    } finally {
      wire.stream.uncork()
    }
  }

  handleRowDescription(message: { readonly fields: readonly RawField[] }): void {
    this.#fields = message.fields.map(({ name, dataTypeID, dataTypeModifier, tableID, columnID }) => ({
      name,
      typeOid: dataTypeID,
      typeModifier: dataTypeModifier,
      tableOid: tableID,
      columnNumber: columnID,
    }))
  }

  handleDataRow(message: { readonly fields: readonly (string | null)[] }): void {
    this.#row(message.fields, this.#fields ?? [])
  }

  handlePortalSuspended(): void {
    // The rows that were asked for have come; the transaction's end drops the rest.
  }

  handleCommandComplete(): void {
    // The server's readiness is the end.
  }

  handleEmptyQuery(): void {
    // No fields: the caller refuses it.
  }

  handleCopyInResponse(wire: PgWire): void {
    wire.sendCopyFail('not a query')
  }

  handleCopyData(): void {
    // Rows of a COPY are nobody's: it has no fields, and the caller refuses it.
  }

  handleError(native: unknown): void {
    this.callback()
    this.#reject(lossOrError(native))
  }

  handleReadyForQuery(): void {
    this.callback()
    this.#resolve()
  }
}

interface RawField {
  readonly name: string
  readonly dataTypeID: number
  readonly dataTypeModifier: number
  readonly tableID: number
  readonly columnID: number
}
