import { AirlockError } from '../errors/index.js'
import { ByteSink, type CellMask, compileMask, type MaskKey } from '../masking/columns/index.js'
import { type Batch, type Column, NULL_CELL, PackedBatch } from './batch.js'
import type { LogicalType } from './column-type.js'
import type { Extraction } from './driver.js'
import { suggest } from './suggest.js'

export type { MaskKey }

/** One column's mask: a rule such as `tokenize` or `generalize-range-10`, or a rule with a domain shared between tables. */
export type MaskChoice = string | { readonly rule: string; readonly domain?: string }

/** Column name → mask. */
export type MaskChoices = Readonly<Record<string, MaskChoice>>

/** What compiling masks needs beside the rules. */
export interface MaskOptions {
  readonly key: MaskKey | undefined
  /** Separates the tokens of one table's columns from another's. */
  readonly table: string | undefined
  /** Key columns beyond the source's primary key. */
  readonly keyColumns?: readonly string[]
}

/** The masks of one stream, compiled against its columns. */
export interface StreamMasks {
  /** Per column of the stream; undefined where nothing is masked. */
  readonly masks: readonly (CellMask | undefined)[]
  /** The columns as they are after masking: a mask may change a column's type. */
  readonly columns: readonly Column[]
}

/** Compiles the masks of a stream. Fails closed: an unknown column, an unknown rule or a missing key stops the stream
 * before a row is read (COLUMN_NOT_FOUND, CONFIG_INVALID, MASK_KEY_MISSING), and so does a mask on a key column that
 * could make keys equal (MASK_ON_KEY). */
export function compileMasks(columns: readonly Column[], choices: MaskChoices, options: MaskOptions): StreamMasks {
  const names = columns.map((column) => column.name)
  const unknown = Object.keys(choices).find((name) => !names.includes(name))
  if (unknown !== undefined) {
    const params = { at: `mask.${unknown}`, suggestion: suggest(unknown, names) }
    throw new AirlockError('COLUMN_NOT_FOUND', { phase: 'plan', params })
  }
  const masks = columns.map((column) => {
    const choice = Object.hasOwn(choices, column.name) ? choices[column.name] : undefined
    if (choice === undefined) return undefined
    const { rule, domain } = typeof choice === 'string' ? { rule: choice, domain: undefined } : choice
    const mask = compileMask(rule, {
      key: options.key,
      column: column.name,
      table: options.table,
      domain,
      type: column.type.kind,
    })
    const isKey = column.keyPosition > 0 || options.keyColumns?.includes(column.name) === true
    if (isKey && !mask.oneToOne) {
      throw new AirlockError('MASK_ON_KEY', { phase: 'plan', params: { at: `mask.${column.name}` } })
    }
    return mask
  })
  return { masks, columns: columns.map((column, index) => maskedColumn(column, masks[index])) }
}

function maskedColumn(column: Column, mask: CellMask | undefined): Column {
  if (mask === undefined) return column
  const type: LogicalType = mask.output === 'same' ? column.type : { kind: mask.output }
  return { ...column, type, nullable: column.nullable || mask.givesNull }
}

/** An extraction whose batches went through the masks. */
export interface MaskedExtraction extends Extraction {
  /** Rows that left the masks; equal to the rows read once everything was consumed. */
  readonly rowsMasked: number
}

/** The batches of an extraction with the masked columns replaced. The batch that comes out holds no byte of an original
 * value of a masked column. */
export function maskExtraction(source: Extraction, choices: MaskChoices, options: MaskOptions): MaskedExtraction {
  let masker: BatchMasker | undefined
  return {
    get rowsMasked() {
      return masker?.rowsMasked ?? 0
    },
    get rowsRead() {
      return source.rowsRead
    },
    get policyCounts() {
      return source.policyCounts
    },
    get cursor() {
      return source.cursor
    },
    async *[Symbol.asyncIterator]() {
      for await (const batch of source) {
        masker ??= new BatchMasker(compileMasks(batch.columns, choices, options))
        const masked = masker.mask(batch)
        if (masked !== batch) batch.release?.()
        yield masked
      }
    },
  }
}

/** How many released batches are kept for reuse. */
const SPARE_BATCHES = 4

/** Applies compiled masks to batches; counts what it did. Belongs to one stream. */
export class BatchMasker {
  readonly columns: readonly Column[]
  #masked: { readonly index: number; readonly mask: CellMask }[] = []
  #sink = new ByteSink()
  #free: PackedBatch[] = []
  #rows = 0

  constructor(masks: StreamMasks) {
    this.columns = masks.columns
    masks.masks.forEach((mask, index) => {
      if (mask !== undefined) this.#masked.push({ index, mask })
    })
  }

  /** Rows that went through. */
  get rowsMasked(): number {
    return this.#rows
  }

  mask(batch: Batch): Batch {
    this.#rows += batch.rowCount
    if (this.#masked.length === 0) return batch
    const sink = this.#sink
    sink.length = 0
    const spare = this.#free.pop()
    const spans = copyInto(spare?.spans, batch.spans)
    const base = batch.data.length
    for (const { index, mask } of this.#masked) this.#maskColumn(batch, spans, index, mask, base)
    const data = memory(spare?.data, base + sink.length)
    data.set(batch.data)
    data.set(sink.bytes.subarray(0, sink.length), base)
    for (const { index } of this.#masked) erase(batch, index, data)
    return new PackedBatch(this.columns, batch.rowCount, data, spans, (released) => this.#keep(released))
  }

  #keep(released: PackedBatch): void {
    if (this.#free.length < SPARE_BATCHES) this.#free.push(released)
  }

  #maskColumn(batch: Batch, spans: Uint32Array, index: number, mask: CellMask, base: number): void {
    const { data } = batch
    const sink = this.#sink
    const step = batch.columns.length * 2
    for (let at = index * 2; at < spans.length; at += step) {
      const start = spans[at]!
      if (start === NULL_CELL) continue
      const from = sink.length
      if (mask.apply(data, start, spans[at + 1]!, sink)) {
        spans[at] = base + from
        spans[at + 1] = base + sink.length
      } else {
        spans[at] = NULL_CELL
        spans[at + 1] = NULL_CELL
      }
    }
  }
}

/** Overwrites the original values of a column, so that they cannot be read from the batch's bytes. */
function erase(batch: Batch, index: number, data: Uint8Array): void {
  const { spans } = batch
  const step = batch.columns.length * 2
  for (let at = index * 2; at < spans.length; at += step) {
    const start = spans[at]!
    if (start !== NULL_CELL) data.fill(0, start, spans[at + 1]!)
  }
}

/** `length` bytes, of the spare memory if it is large enough; in steps, so that the next batch fits too. */
function memory(spare: Uint8Array | undefined, length: number): Uint8Array {
  if (spare !== undefined && spare.buffer.byteLength >= length) return new Uint8Array(spare.buffer, 0, length)
  const step = 64 * 1024
  return new Uint8Array(new ArrayBuffer(Math.ceil(length / step) * step), 0, length)
}

function copyInto(spare: Uint32Array | undefined, spans: Uint32Array): Uint32Array {
  if (spare === undefined || spare.buffer.byteLength < spans.byteLength) return spans.slice()
  const copy = new Uint32Array(spare.buffer, 0, spans.length)
  copy.set(spans)
  return copy
}
