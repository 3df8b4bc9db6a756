import type { Batch, Column } from '../../../core/batch.js'
import type { BatchBuilder } from '../../../core/batch-builder.js'
import { AirlockError } from '../../../errors/index.js'

const COMMA = 0x2c
const NEWLINE = 0x0a
const QUOTE = 0x22
const BACKSLASH = 0x5c

const PLAIN = 0
const BYTES = 1
const DATE = 2
const ZONED = 3

/** Packs the rows that PostgREST answers as `text/csv`. Behind the line of names each row is the text of a Postgres record
 * without its brackets: nothing is NULL, `""` the empty string, and inside quotes both `"` and `\` are doubled, so that
 * every value is the server's own text and NULL stays apart from ''. Chunks may end anywhere. See `record_out` in
 * https://www.postgresql.org/docs/17/rowtypes.html#ROWTYPES-IO-SYNTAX */
export class RecordDecoder {
  rows = 0
  /** The text of the key of the last row. */
  lastKey: readonly string[] = []
  #builder: BatchBuilder
  #names: string
  /** One for each cell of a row; those behind the columns of the batch belong to the key alone. */
  #kinds: readonly number[]
  #key: readonly number[]
  #width: number
  #rest: Uint8Array[] = []
  #quoted = false
  #headed = false

  /** `selected` are the cells of a row; the first of them are `columns`. `key` gives the places of the key in it. */
  constructor(builder: BatchBuilder, selected: readonly Column[], key: readonly number[]) {
    this.#builder = builder
    this.#names = selected.map((column) => column.name).join(',')
    this.#kinds = selected.map(({ type }) =>
      type.kind === 'bytes' ? BYTES : type.kind === 'timestamptz' ? ZONED : isDated(type.kind) ? DATE : PLAIN,
    )
    this.#key = key
    this.#width = builder.columns.length
  }

  /** Takes the next chunk, and gives a batch each time one is full. */
  *push(chunk: Uint8Array): Generator<Batch> {
    let start = 0
    for (let i = 0; i < chunk.length; i++) {
      const byte = chunk[i]!
      if (byte === QUOTE) this.#quoted = !this.#quoted
      else if (byte === NEWLINE && !this.#quoted) {
        this.#line(chunk, start, i)
        start = i + 1
        if (this.#builder.size >= this.#builder.limit) yield this.#builder.finish()
      }
    }
    if (start < chunk.length) this.#rest.push(start === 0 ? chunk : chunk.subarray(start))
  }

  /** The last row has no line break behind it; of no rows there is only the line break behind no names. Throws
   * PROTOCOL_ERROR for an answer that ended within a value. */
  end(expectedRows: number): void {
    if (this.#quoted) throw broken()
    if (this.#rest.length > 0 || !this.#headed) this.#line(new Uint8Array(0), 0, 0)
    if (this.rows !== expectedRows) throw broken()
  }

  #line(chunk: Uint8Array, start: number, end: number): void {
    const line = chunk.subarray(start, end)
    const data = this.#rest.length === 0 ? line : Buffer.concat([...this.#rest, line])
    this.#rest = []
    if (this.#headed) {
      this.#row(data)
      return
    }
    this.#headed = true
    const names = new TextDecoder().decode(data)
    if (names !== this.#names && names !== '') throw broken()
  }

  #row(data: Uint8Array): void {
    const builder = this.#builder
    const key: string[] = []
    builder.beginRow()
    let at = 0
    for (let cell = 0; cell < this.#kinds.length; cell++) {
      if (cell > 0 && data[at++] !== COMMA) throw broken()
      const start = at
      const quoted = data[at] === QUOTE
      at = quoted ? closingQuote(data, at) : endOfPlain(data, at)
      const value = quoted ? undouble(data, start + 1, at - 1) : data.subarray(start, at)
      const place = this.#key.indexOf(cell)
      if (place >= 0) key[place] = new TextDecoder().decode(value)
      if (cell >= this.#width) continue
      if (at === start) builder.putNull()
      else this.#put(value, quoted, this.#kinds[cell]!)
    }
    if (at !== data.length) throw broken()
    builder.endRow()
    this.rows++
    this.lastKey = key
  }

  #put(value: Uint8Array, quoted: boolean, kind: number): void {
    if (kind === ZONED || kind === DATE) checkStyle(value, kind)
    if (kind === BYTES && quoted) {
      this.#convert(Buffer.from(new TextDecoder('latin1').decode(value.subarray(2)), 'hex'))
    } else this.#convert(value)
  }

  #convert(value: Uint8Array): void {
    this.#builder.convert(value.length).set(value, this.#builder.tailAt)
    this.#builder.putConverted(value.length)
  }
}

/** Behind the quote that ends the value which begins at `at`. */
function closingQuote(data: Uint8Array, at: number): number {
  let i = at + 1
  while (i < data.length) {
    if (data[i] === QUOTE && data[i + 1] !== QUOTE) return i + 1
    i += data[i] === QUOTE ? 2 : 1
  }
  throw broken()
}

function endOfPlain(data: Uint8Array, at: number): number {
  const comma = data.indexOf(COMMA, at)
  return comma < 0 ? data.length : comma
}

function undouble(data: Uint8Array, start: number, end: number): Uint8Array {
  const value = new Uint8Array(end - start)
  let length = 0
  for (let i = start; i < end; i++) {
    const byte = data[i]!
    value[length++] = byte
    if (byte === QUOTE || byte === BACKSLASH) i++
  }
  return value.subarray(0, length)
}

function isDated(kind: string): boolean {
  return kind === 'date' || kind === 'timestamp'
}

/** The style of dates and the zone cannot be chosen for certain over this channel; what another choice would change is
 * refused. */
function checkStyle(value: Uint8Array, kind: number): void {
  const text = new TextDecoder('latin1').decode(value)
  const form = kind === DATE ? /^\d{4,}-[\d :.-]+(?: BC)?$/ : /^\d{4,}-[\d :.-]+\+00(?: BC)?$/
  if (form.test(text) || /^-?infinity$/.test(text)) return
  const problem =
    'the API writes dates otherwise than ISO and UTC; leave such columns out, or set TimeZone for its role'
  throw new AirlockError('UNSUPPORTED', { phase: 'extract', params: { problem } })
}

function broken(): AirlockError {
  return new AirlockError('PROTOCOL_ERROR', { phase: 'extract' })
}
