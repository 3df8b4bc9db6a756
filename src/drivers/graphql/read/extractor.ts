import type { Batch } from '../../../core/batch.js'
import { BatchBuilder } from '../../../core/batch-builder.js'
import type { Extraction, ExtractRequest, SourceDescription } from '../../../core/driver.js'
import { AirlockError } from '../../../errors/index.js'
import type { GraphqlTransport } from '../http/client.js'
import { at, broken } from '../paths.js'
import { GraphqlPolicies } from '../policies.js'
import type { SchemaSource } from '../schema.js'
import { cellOf, type ToCell } from './cells.js'
import { Completer, jsonObject } from './complete.js'
import type { ExactJson, ExactObject } from './exact-json.js'
import { type Page, Pager } from './paging.js'
import { type GraphqlSource, resolveSource, type SourceColumn } from './source.js'

export async function describeSource(
  schemas: SchemaSource,
  request: ExtractRequest,
  pageSize: number,
  signal: AbortSignal,
): Promise<SourceDescription> {
  const source = await resolveSource(schemas, request, pageSize, signal)
  return { columns: source.columns.map(({ column }) => column), statement: source.document, estimatedRows: undefined }
}

/** One pass over the records of a document, one request per page. While the rows of a page are taken, the next page is
 * on its way, and no more than that. */
export function extractRecords(
  transport: GraphqlTransport,
  schemas: SchemaSource,
  request: ExtractRequest,
  pageSize: number,
  signal: AbortSignal,
): Extraction {
  const policies = new GraphqlPolicies(request.policies)
  let rowsRead = 0
  return {
    get rowsRead() {
      return rowsRead
    },
    get policyCounts() {
      return policies.counts
    },
    async *[Symbol.asyncIterator]() {
      const source = await resolveSource(schemas, request, pageSize, signal)
      const pages = new PageReader(transport, source, policies, signal)
      const rows = new RowWriter(source, policies, pages.completer, request.batchBytes)
      try {
        for await (const records of pages) {
          for (const record of records) {
            if (record.kind === 'null') {
              if (policies.is('null_records', 'error')) {
                throw new AirlockError('VALUE_POLICY', { phase: 'extract', params: { at: source.name } })
              }
              policies.count('null_records')
              continue
            }
            if (record.kind !== 'object') throw broken()
            if (rows.isPlain) rows.addPlain(record)
            else await rows.add(record)
            rowsRead++
            if (rows.isFull) yield rows.finish()
          }
        }
        if (rows.hasRows || !rows.finished) yield rows.finish()
      } finally {
        await pages.end()
      }
    },
  }
}

/** Asks for the pages, one ahead of its consumer. */
class PageReader implements AsyncIterable<readonly ExactJson[]> {
  readonly completer: Completer
  readonly #transport: GraphqlTransport
  readonly #source: GraphqlSource
  readonly #policies: GraphqlPolicies
  readonly #controller = new AbortController()
  readonly #signal: AbortSignal
  readonly #forward = (): void => this.#controller.abort(this.#signal.reason)
  #ahead: Promise<Page> | undefined

  constructor(transport: GraphqlTransport, source: GraphqlSource, policies: GraphqlPolicies, signal: AbortSignal) {
    this.#transport = transport
    this.#source = source
    this.#policies = policies
    this.#signal = signal
    if (signal.aborted) this.#forward()
    else signal.addEventListener('abort', this.#forward, { once: true })
    const { variables, maxPages, partial } = source
    this.completer = new Completer({ transport, variables, maxPages, partial, signal: this.#controller.signal })
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<readonly ExactJson[], void, undefined> {
    const pager = new Pager(this.#source)
    let page = await this.#ask(pager, pager.first())
    for (;;) {
      if (page.next !== undefined) {
        this.#ahead = this.#ask(pager, page.next)
        // Its failure is heard when its turn comes.
        this.#ahead.then(noop, noop)
      }
      yield page.records
      if (this.#ahead === undefined) return
      page = await this.#ahead
      this.#ahead = undefined
    }
  }

  /** Nothing is under way any more. */
  async end(): Promise<void> {
    this.#signal.removeEventListener('abort', this.#forward)
    this.#controller.abort(new AirlockError('ABORTED', { phase: 'extract' }))
    await this.#ahead?.then(noop, noop)
  }

  async #ask(pager: Pager, next: ReadonlyMap<string, string>): Promise<Page> {
    const { document, variables, partial } = this.#source
    const request = { document, variables: jsonObject(new Map([...variables, ...next])), repeatable: true, partial }
    const { data, incomplete } = await this.#transport.execute(request, this.#controller.signal)
    if (incomplete) this.#policies.count('partial_answers')
    return pager.take(data)
  }
}

function noop(): undefined {
  return undefined
}

/** Packs records as rows. */
class RowWriter {
  finished = false
  readonly #builder: BatchBuilder
  readonly #columns: readonly SourceColumn[]
  readonly #cells: readonly ToCell[]
  readonly #completer: Completer
  readonly #isPlain: boolean
  readonly #encoder = new TextEncoder()

  constructor(source: GraphqlSource, policies: GraphqlPolicies, completer: Completer, batchBytes: number | undefined) {
    this.#columns = source.columns
    this.#cells = source.columns.map(({ column }) => cellOf(column.type, column.name, policies))
    this.#builder = new BatchBuilder(
      source.columns.map(({ column }) => column),
      batchBytes,
    )
    this.#completer = completer
    this.#isPlain = source.columns.every(({ branch }) => branch === undefined)
  }

  get isFull(): boolean {
    return this.#builder.size >= this.#builder.limit
  }

  get hasRows(): boolean {
    return this.#builder.rowCount > 0
  }

  finish(): Batch {
    this.finished = true
    return this.#builder.finish()
  }

  /** Whether each record has all that its row needs. */
  get isPlain(): boolean {
    return this.#isPlain
  }

  /** As `add`, without waiting, which for every record costs more than the record. */
  addPlain(record: ExactObject): void {
    this.#builder.beginRow()
    for (let index = 0; index < this.#columns.length; index++) {
      const { column, path } = this.#columns[index]!
      const value = at(record, path)
      if (value === undefined || value.kind === 'null') {
        if (!column.nullable) throw broken()
        this.#put(null)
      } else this.#put(this.#cells[index]!(value))
    }
    this.#builder.endRow()
  }

  async add(record: ExactObject): Promise<void> {
    const texts: (string | null)[] = []
    for (let index = 0; index < this.#columns.length; index++) {
      const { column, path, branch } = this.#columns[index]!
      const value = at(record, path)
      if (value === undefined || value.kind === 'null') {
        if (!column.nullable) throw broken()
        texts.push(null)
      } else if (branch === undefined) texts.push(this.#cells[index]!(value))
      else {
        const owner = at(record, path.slice(0, -1))
        if (owner?.kind !== 'object') throw broken()
        texts.push(await this.#completer.text(value, branch, owner, record))
      }
    }
    this.#pack(texts)
  }

  #pack(texts: readonly (string | null)[]): void {
    const builder = this.#builder
    builder.beginRow()
    for (const text of texts) this.#put(text)
    builder.endRow()
  }

  #put(text: string | null): void {
    const builder = this.#builder
    if (text === null) {
      builder.putNull()
      return
    }
    // Three bytes of UTF-8 at most for each unit of UTF-16.
    const tail = builder.convert(text.length * 3)
    const start = builder.tailAt
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i)
      if (code > 0x7f) {
        builder.putConverted(this.#encoder.encodeInto(text, tail.subarray(start)).written)
        return
      }
      tail[start + i] = code
    }
    builder.putConverted(text.length)
  }
}
